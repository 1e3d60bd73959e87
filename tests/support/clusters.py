"""Grapheme clusters of several code points, of every kind."""

CLUSTERS = [
    "🇩🇪",
    "👨\u200d👩\u200d👧\u200d👦",
    "👍🏽",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "☺\ufe0f",
    "1\ufe0f\u20e3",
    "\u1100\u1161\u11a8",  # a Hangul syllable
    "\u0915\u094d\u0937\u093f",  # a Devanagari conjunct with a vowel sign
    "e\u0301\u0302",
    "\u0e01\u0e33",
    "\r\n",
]
