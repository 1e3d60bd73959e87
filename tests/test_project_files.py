"""Agreement of the CI workflow, pyproject.toml and the decision pages."""

import re
import tomllib

from tests.support.project import PROJECT

WORKFLOW = (PROJECT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
CONFIG = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
PROJECT_TABLE = CONFIG["project"]


def test_ci_matrix_has_the_python_versions_of_the_classifiers() -> None:
    (matrix,) = re.findall(r"^ +python: \[(.*)\]$", WORKFLOW, re.MULTILINE)
    prefix = "Programming Language :: Python :: 3."
    claimed = [
        name.rpartition(" ")[2] for name in PROJECT_TABLE["classifiers"] if name.startswith(prefix)
    ]
    assert re.findall(r'"(.*?)"', matrix) == claimed


def test_lowest_versions_are_tested_with_the_lowest_python() -> None:
    lowest = PROJECT_TABLE["requires-python"].removeprefix(">=")
    job = WORKFLOW.partition("\n  lowest-versions:\n")[2].partition("\n\n")[0]
    assert f'python-version: "{lowest}"' in job
    assert f"LOWEST_PYTHON: python{lowest}\n" in job
    assert "- run: .ci/matrix lowest\n" in job + "\n"


def test_ci_runs_the_commands_of_a_developer() -> None:
    test_job = WORKFLOW.partition("\n  test:\n")[2].partition("\n\n")[0]
    for text in (test_job, (PROJECT / ".ci" / "run").read_text("utf-8")):
        assert re.findall(r"\bmake .*", text) == ["make check", "make test"]


def test_every_dependency_has_its_reason() -> None:
    page = (PROJECT / "docs" / "decisions" / "0008-dependencies.md").read_text("utf-8")
    explained = set(re.findall(r"^\| ([a-z][a-z-]*) \|", page, re.MULTILINE)) - {"dependency"}
    extras = PROJECT_TABLE["optional-dependencies"].values()
    declared = [*PROJECT_TABLE["dependencies"], *(name for extra in extras for name in extra)]
    assert explained == {re.split(r"[<>=]", requirement)[0] for requirement in declared}
