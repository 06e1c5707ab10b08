"""Pictures of state machines: read from a definition, laid out, written as SVG or Mermaid."""
