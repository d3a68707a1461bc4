"""The functions in C, and that they are those in use."""

import markupsafe

assert markupsafe._escape_inner.__module__ == "markupsafe._speedups"
assert markupsafe.escape("<a & 'b'>") == "&lt;a &amp; &#39;b&#39;&gt;"
assert markupsafe.Markup("<b>%s</b>") % "<i>" == "<b>&lt;i&gt;</b>"
assert markupsafe.escape("ä" * 300 + "<") == "ä" * 300 + "&lt;"
