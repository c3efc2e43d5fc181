"""The options and variables that every verb takes, in real runs."""

import json

import pytest

pytestmark = pytest.mark.real_time

JOB = 'name = "filed"\nconcurrency = 1\nstore = "kept"\nmax_failed = 9\n'


def logged(err):
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("how", ["option", "before the verb", "variable"])
def test_log_lines_are_json_where_that_is_asked_for(outlast, monkeypatch, how):
    run = ("run", "scrape.py:scrape", "some.txt", "--max-failed", "9", "-v")
    assert not logged(outlast(*run)[2])
    if how == "variable":
        monkeypatch.setenv("OUTLAST_LOG_FORMAT", "json")
        found = outlast(*run, "--fresh")
    else:
        asked = ("--log-format", "json")
        found = outlast(*asked, *run, "--fresh") if how == "before the verb" else outlast(*run, "--fresh", *asked)
    assert "run_started" in {line["message"] for line in logged(found[2])}


@pytest.mark.parametrize("how", ["option", "before the verb", "variable"])
def test_a_job_file_beside_a_target_gives_the_settings(outlast, tmp_path, monkeypatch, how):
    (tmp_path / "filed").mkdir()
    (tmp_path / "filed" / "job.toml").write_text(JOB)
    run = ("run", "scrape.py:scrape", "some.txt")
    if how == "variable":
        monkeypatch.setenv("OUTLAST_CONFIG", "filed/job.toml")
        code, _, err = outlast(*run)
    else:
        asked = ("--config", "filed/job.toml")
        code, _, err = outlast(*asked, *run) if how == "before the verb" else outlast(*run, *asked)
    assert code == 0
    assert "job filed" in err
    assert (tmp_path / "filed" / "kept" / "jobs").is_dir()
    # The store that the job file names is where the other verbs look, with the same option.
    monkeypatch.delenv("OUTLAST_CONFIG", raising=False)
    for verb in ("status", "failures"):
        code, out, _ = outlast(verb, "filed", "--config", "filed/job.toml")
        assert (code, "filed" in out) == (0, True)
    code, out, err = outlast("resume", "filed", "--config", "filed/job.toml")
    assert code == 0


def test_what_is_advised_finds_the_job_with_the_same_job_file(outlast, tmp_path):
    (tmp_path / "job.toml").write_text('store = "kept"\n')
    assert outlast("run", "scrape.py:scrape", "some.txt", "--job", "shop", "--config", "job.toml")[0] == 1
    advised = outlast("retry", "shop", "--config", "job.toml")[2]
    assert "outlast resume shop --config job.toml" in advised


def test_the_doctor_looks_at_the_store_of_the_job_file(outlast, tmp_path):
    (tmp_path / "filed").mkdir()
    (tmp_path / "filed" / "job.toml").write_text(JOB)
    document = json.loads(outlast("doctor", "--config", "filed/job.toml", "--json")[1])
    [store] = [each for each in document["checks"] if each["name"] == "store"]
    assert "filed/kept" in json.dumps(store)


def test_json_quiet_and_progress_may_come_from_the_environment(outlast, monkeypatch):
    monkeypatch.setenv("OUTLAST_JSON", "1")
    code, out, err = outlast("run", "scrape.py:scrape", "some.txt", "--max-failed", "9")
    assert (code, json.loads(out)["failed"], err) == (0, 2, "")
    code, out, err = outlast("status", "nobody")
    assert (code, json.loads(err)["error_code"]) == (6, "JOB_NOT_FOUND_ERROR")


def test_checkpoints_in_a_directory_are_read_with_the_settings_of_the_job_file(outlast, tmp_path):
    for number in range(3):
        assert outlast("run", "scrape.py:tally", f"https://a.test/{number}", "--job", "shop")[0] == 0
    (tmp_path / "job.toml").write_text("[checkpoint]\nretention_count = 2\n")
    [path] = tmp_path.glob(".outlast/jobs/*/checkpoints")
    pruned = ("checkpoint", "prune", "shop", "--path", path, "--dry-run", "--json")
    assert json.loads(outlast(*pruned)[1])["deleted"] == []
    assert len(json.loads(outlast(*pruned, "--config", "job.toml")[1])["deleted"]) == 1
