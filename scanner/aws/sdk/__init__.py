"""The AWS SDK, set up once and kept from what makes it slow."""
