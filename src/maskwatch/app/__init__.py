"""The Streamlit pages and the command that starts them."""
