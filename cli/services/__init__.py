"""The services of an account, asked by the vendor's SDKs. It must not know what is asked for, nor why."""
