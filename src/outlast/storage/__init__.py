"""Bytes kept safely: strict JSON, durable files, compression."""
