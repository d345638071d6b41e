"""The fast way to SSM: our own signatures over our own keep-alive connections; everything else stays the SDK's."""
