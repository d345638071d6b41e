"""The request pipeline: limits, retries, pagination and what each answer means."""
