"""What the stacks hand over to Lambda holds all that its handler imports."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT

STACKS = ROOT / "stacks"


def archives(file):
    """Name in the archive to path, of each archive that a file of the stacks makes."""

    def below(value):
        if isinstance(value, list):
            for item in value:
                yield from below(item)
        elif isinstance(value, dict):
            if isinstance(files := value.get("fn::assetArchive"), dict):
                yield {name: asset["fn::fileAsset"] for name, asset in files.items()}
            elif path := value.get("fn::fileArchive"):
                yield {".": path}
            else:
                yield from below(list(value.values()))

    yield from below(yaml.safe_load(file.read_text()))


FILES = sorted([*STACKS.glob("*.yaml"), *STACKS.glob("components/*.yaml")])
ALL = [
    pytest.param(file, archive, id=f"{file.stem} {list(archive.values())[0].split('functions/')[1]}")
    for file in FILES
    for archive in archives(file)
]


@pytest.mark.parametrize(("file", "archive"), ALL)
def test_a_handler_finds_what_it_imports_in_its_archive(file, archive, tmp_path):
    for name, path in archive.items():
        source = file.parent / path
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, dirs_exist_ok=True)
        else:
            shutil.copy(source, tmp_path / name)
    imported = subprocess.run(
        [sys.executable, "-B", "-c", "import handler; handler.handler"],
        cwd=tmp_path,
        # Lambda says where it runs.
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
    )
    assert imported.returncode == 0, imported.stderr


def test_there_are_archives_to_look_at():
    assert len(ALL) >= 8
