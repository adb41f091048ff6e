"""What Streamlit's own look lacks: room for what matters, text that all can read, spoken news."""

from __future__ import annotations

import json

import streamlit as st

from maskwatch.app.language import LANGUAGE, catalogue, text

# Four cards of the gallery stand side by side in this, three in a window of 1280 pixels.
_WIDEST_PX = 1680

# The first screen is for the answer: bar, heading and gaps take no more than they need. The
# switch for the language stands in the bar, left of Streamlit's menu.
_ROOM = """
    [data-testid="stMainBlockContainer"] { padding: 4.25rem 1rem 3rem; max-width: WIDEST; }
    [data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.75rem; }
    [data-testid="stHeading"] h1 { font-size: 1.75rem; padding: 0 0 1rem; }
    [data-testid="stHeading"] h2 { font-size: 1.375rem; padding: 0.75rem 0 1rem; }
    [data-testid="stElementContainer"]:has(.maskwatch-unseen) { display: none; }
    .st-key-LANGUAGE { position: fixed; top: 0.875rem; right: 3.25rem; width: auto; }
    .st-key-LANGUAGE { z-index: 999991; }
    .st-key-LANGUAGE button { min-height: 2rem; padding: 0 0.6rem; }
    .st-key-LANGUAGE button p { font-size: 0.875rem; }
    [data-testid="stLayoutWrapper"]:has(> .st-key-photo_summary) { min-width: min(100%, 24rem); }
    [data-testid="stMainMenu"] { margin-left: 12.5rem; }
    @media (max-width: 700px) {
        [data-testid="stStatusWidget"] { display: none; }
        [data-testid="stExpandSidebarButton"] { width: auto; padding: 0 0.5rem; }
        [data-testid="stExpandSidebarButton"]::after { content: "MENU"; padding-left: 0.25rem; }
    }
""".replace("LANGUAGE", LANGUAGE)

# Small print is 60 % opaque by itself, 3.7 : 1 on white; 4.5 : 1 is what everyone can read.
_INK = """
    [data-testid="stCaptionContainer"], [data-testid="stImageCaption"] { opacity: 1; }
    [data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] *,
    [data-testid="stImageCaption"], [data-testid="stImageCaption"] * {
        color: color-mix(in srgb, currentColor 90%, transparent);
    }
    [data-testid="stVegaLiteChart"] :is(.role-axis, .role-legend) text { fill: currentColor; }
"""

# Why a file was not taken, Streamlit tells screen readers, and others only under the pointer.
_REFUSAL = """
    [data-testid="stFileChip"][aria-invalid="true"] { width: auto; max-width: none; }
    [data-testid="stFileChip"] [role="alert"] {
        position: static; width: auto; height: auto; margin: 0; padding: 0 0.5rem;
        clip: auto; clip-path: none; overflow: visible; white-space: normal;
    }
"""

# Streamlit writes white on its own colour, and that of the dark theme has to be a light one.
_DARK_INK = """
    [data-testid="stBaseButton-primary"]:enabled *, [data-tag] * { color: #0e1117; }
"""


_OWN_WORDS = {
    r"Upload": "browse",
    r"(\d+)MB per file": "limit",
    r"• [A-Z0-9, ]+": "",
    r"File must be (\d+).*MB or smaller\.": "too_large",
    r".* files are not allowed\.": "wrong_kind",
    r"AxiosError: .* 413": "no_room",
    r"AxiosError: .*": "not_arrived",
    r"Error:": "",
    r"Take Photo": "take",
    r"Clear photo": "clear",
    r"This app would like to use your camera\.": "camera",
    r"Learn how to allow access\.": "allow",
    r"(\d+) more": "more",
    r"Stop": "stop",
}
"""What Streamlit writes itself, as patterns, and the texts for it, if any; a number is kept."""

# Streamlit has no words but its own, and calls a field for files a decoration although it can have
# the focus. What it puts anew is put right anew.
_MENDING = """<script>{
    const words = WORDS.map(([own, said]) => [new RegExp(`^(?:${own})$`), said]);
    const places = ["FileUploader", "CameraInput", "TopNavSection", "StatusWidget"]
        .map((name) => `[data-testid="st${name}"]`).join();
    const said = (own) => {
        for (const [pattern, text] of words) {
            const found = own.match(pattern);
            if (found) return text.replace("{n}", found[1]);
        }
    };
    const mend = () => {
        for (const field of document.querySelectorAll('[data-testid="stFileUploaderDropzone"]'))
            field.removeAttribute("role");
        for (const place of document.querySelectorAll(places)) {
            const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) {
                const text = texts.currentNode;
                if (text.data !== text.maskwatchSaid) text.maskwatchOwn = text.data.trim();
                const shown = said(text.maskwatchOwn) ?? text.data;
                if (text.data !== shown) text.data = text.maskwatchSaid = shown;
            }
        }
    };
    window.maskwatchMending?.disconnect();
    window.maskwatchMending = new MutationObserver(mend);
    window.maskwatchMending.observe(document.body, { childList: true, subtree: true });
    mend();
}</script>"""


def use_look(wide: bool, hiding: str) -> None:
    """Put the style into the page and tell screen readers which language to speak.

    Args:
        wide: pictures take the whole window; else lines are as long as one likes to read.
        hiding: style of what lies on pages unseen.
    """
    room = _ROOM.replace("WIDEST", f"{_WIDEST_PX}px" if wide else "62rem")
    room = room.replace("MENU", text("pages.menu"))
    dark = _DARK_INK if st.context.theme.type == "dark" else ""
    script = f'<script>document.documentElement.lang = "{catalogue().code}";</script>'
    words = [
        (own, text(f"streamlit_says.{key}", n="{n}") if key else "")
        for own, key in _OWN_WORDS.items()
    ]
    mending = _MENDING.replace("WORDS", json.dumps(words))
    put_unseen(f"<style>{room}{_INK}{_REFUSAL}{dark}{hiding}</style>{script}{mending}")


def put_unseen(html: str) -> None:
    """Put styles and scripts into the page, where they take no room."""
    st.html(f'<span class="maskwatch-unseen"></span>{html}', unsafe_allow_javascript=True)


def speak_changes(key: str) -> None:
    """Have screen readers speak what changes inside the container with this key.

    They speak of an element that was marked before. Streamlit marks none, and puts HTML of ours
    anew with every change; the container of an element stays.
    """
    put_unseen(
        f"""<script>
    document.querySelectorAll(".st-key-{key}").forEach((spoken) => {{
        spoken.setAttribute("role", "status");
        spoken.setAttribute("aria-live", "polite");
    }});
</script>"""
    )
