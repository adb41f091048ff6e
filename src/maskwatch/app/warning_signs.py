"""How a visitor is warned of a steady violation: by a banner, and by a sound if wanted."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from maskwatch.alarm import Alarm
from maskwatch.app.findings import framed
from maskwatch.app.language import text
from maskwatch.schema import MaskState

# keys of the session's state
BANNER, SOUND, HEARD, RUNG = "banner", "sound", "heard", "rung"

# Browsers let a page make sounds only after a press in it, and some only from within that press.
# So any press wakes the sound up. What was not heard within two seconds would come too late.
_RING = """<script>{
    const sound = (window.maskwatchSound ??= {rung: 0, context: null});
    const wake = () => {
        sound.context ??= new AudioContext();
        return sound.context.resume();
    };
    if (!sound.listens) {
        sound.listens = true;
        for (const press of ["pointerup", "keydown"]) document.addEventListener(press, wake, true);
    }
    const beep = (hertz, after_s) => {
        const starts_s = sound.context.currentTime + after_s;
        const tone = sound.context.createOscillator(), loudness = sound.context.createGain();
        tone.frequency.value = hertz;
        loudness.gain.setValueAtTime(0, starts_s);
        loudness.gain.linearRampToValueAtTime(0.25, starts_s + 0.02);
        loudness.gain.linearRampToValueAtTime(0, starts_s + 0.2);
        tone.connect(loudness).connect(sound.context.destination);
        tone.start(starts_s);
        tone.stop(starts_s + 0.2);
    };
    const wanted = NUMBER;
    if (wanted && sound.rung !== wanted) {
        const asked_ms = performance.now();
        wake().then(() => {
            if (performance.now() - asked_ms > 2000) return;
            beep(880, 0);
            beep(660, 0.25);
        });
    }
    sound.rung = wanted;
}</script>"""


def show_choices() -> None:
    """The switches for banner and sound."""
    st.session_state.setdefault(BANNER, True)
    st.toggle(text("warning_signs.banner"), key=BANNER, persist_state="session")
    st.toggle(
        text("warning_signs.sound"),
        key=SOUND,
        help=text("warning_signs.sound_help"),
        persist_state="session",
    )


def show_banner(states: Sequence[MaskState]) -> None:
    """What there is to warn of, in the colours and lines it has in the picture."""
    if st.session_state.get(BANNER):
        for state in states:
            words = text(f"warning_signs.{state}")
            st.html(framed(state, f"<strong>{words}</strong>"))


def sound_out(alarm: Alarm) -> None:
    """Let it be heard when it rings; to be called again and again.

    It also sounds when it is switched on, so that one knows how, and that it does.
    """
    before, st.session_state[HEARD] = st.session_state.get(HEARD, 0), alarm.rings
    if alarm.rings > before:
        st.session_state[RUNG] = st.session_state.get(RUNG, 1) + 1
    number = st.session_state.get(RUNG, 1) if st.session_state.get(SOUND) else 0
    st.html(_RING.replace("NUMBER", str(number)), unsafe_allow_javascript=True)
