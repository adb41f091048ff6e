"""What Streamlit's own look lacks: grey text that can be read, and the language of the page."""

from __future__ import annotations

import streamlit as st

from maskwatch.app.language import catalogue

# small print is 60 % opaque by itself, which is 3.7 : 1 on white; 4.5 : 1 is what everyone can read
_STYLE = """<style>
    [data-testid="stCaptionContainer"], [data-testid="stImageCaption"] { opacity: 1; }
    [data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] *,
    [data-testid="stImageCaption"], [data-testid="stImageCaption"] * {
        color: color-mix(in srgb, currentColor 90%, transparent);
    }
    [data-testid="stVegaLiteChart"] :is(.role-axis, .role-legend) text { fill: currentColor; }
</style>"""

# Streamlit writes white on its own colour, and that of the dark theme has to be a light one
_DARK_STYLE = """<style>
    [data-testid="stBaseButton-primary"] *, [data-tag] * { color: #0e1117; }
</style>"""


def use_look() -> None:
    """Put the style into the page and tell screen readers which language to speak."""
    style = _STYLE + (_DARK_STYLE if st.context.theme.type == "dark" else "")
    st.html(
        f'{style}<script>document.documentElement.lang = "{catalogue().code}";</script>',
        unsafe_allow_javascript=True,
    )


def speak_changes(key: str) -> None:
    """Have screen readers speak what changes inside the container with this key.

    They speak of an element that was marked before. Streamlit marks none, and puts HTML of ours
    anew with every change; the container of an element stays.
    """
    st.html(
        f"""<script>
    document.querySelectorAll(".st-key-{key}").forEach((spoken) => {{
        spoken.setAttribute("role", "status");
        spoken.setAttribute("aria-live", "polite");
    }});
</script>""",
        unsafe_allow_javascript=True,
    )
