"""The codemod behind `tfbn migrate`: TF1 code with contrib's batch norm, rewritten for tfbn.

It needs neither TensorFlow nor the rest of tfbn: it reads source text with libcst (`pip install 'tfbn[migrate]'`).
"""
