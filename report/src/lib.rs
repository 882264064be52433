//! Views of a journal: narration, JUnit, Mermaid, curl lines.
