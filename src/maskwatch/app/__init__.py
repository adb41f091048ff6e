"""The Streamlit page and the command that starts it."""
