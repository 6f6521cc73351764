"""A claim scored alone equals the batch, bit for bit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from claims.pseudonyms import pseudonym
from claims.vault import pseudonym_key
from serving.bundle import open_bundle
from serving.scoring import InputError, Scorer

_spec = importlib.util.spec_from_file_location("support", Path(__file__).with_name("conftest.py"))
