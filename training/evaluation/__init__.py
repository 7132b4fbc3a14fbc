"""Measuring shipped networks, and the page that holds the figures."""
