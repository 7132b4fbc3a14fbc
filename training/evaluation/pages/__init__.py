"""The pages and pictures that evaluation writes."""
