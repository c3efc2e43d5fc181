"""Keys: where they come from, which one writes, and that nothing of them is ever told."""

import json
import traceback
from base64 import b64encode, urlsafe_b64encode

import pytest

from outlast.errors import ConfigurationError, KeyMissingError, SealError
from outlast.storage.cipher import new_data_key
from outlast.storage.keys import KEY_FILE_BYTES_MAX, Keyring, WrappedKey, keyring

OLD, NEW, ODD = bytes(range(32)), bytes(range(32, 64)), bytes(range(200, 232))


def text(key):
    return b64encode(key).decode()


def test_a_wrapped_key_is_unwrapped_with_what_it_is_about():
    keys, data_key = Keyring.of([OLD]), new_data_key()
    wrapped = keys.wrap(data_key, b"job")
    assert keys.unwrap(wrapped, b"job") == data_key
    with pytest.raises(SealError):
        keys.unwrap(wrapped, b"another job")


def test_the_first_key_writes_and_all_of_them_read():
    before, after = Keyring.of([OLD]), Keyring.of([NEW, OLD])
    data_key = new_data_key()
    wrapped = before.wrap(data_key, b"")
    assert before.is_current(wrapped)
    assert not after.is_current(wrapped)
    assert after.unwrap(wrapped, b"") == data_key
    again = after.wrap(data_key, b"")
    assert after.is_current(again)
    assert Keyring.of([NEW]).unwrap(again, b"") == data_key


def test_a_key_that_is_not_at_hand_is_named_beside_those_that_are():
    wrapped = Keyring.of([OLD]).wrap(new_data_key(), b"")
    with pytest.raises(KeyMissingError) as caught:
        Keyring.of([NEW, ODD]).unwrap(wrapped, b"")
    assert wrapped.key_id in caught.value.message
    assert caught.value.context == {"key_id": wrapped.key_id, "at_hand": list(Keyring.of([NEW, ODD]).key_ids)}
    assert all(each in caught.value.message for each in Keyring.of([NEW, ODD]).key_ids)


def test_a_wrapped_key_that_was_changed_is_refused():
    keys = Keyring.of([OLD, NEW])
    wrapped = keys.wrap(new_data_key(), b"")
    for position, letter in enumerate(wrapped.blob):
        other = "A" if letter != "A" else "B"
        changed = WrappedKey(wrapped.key_id, wrapped.blob[:position] + other + wrapped.blob[position + 1 :])
        with pytest.raises(SealError):
            keys.unwrap(changed, b"")
    for changed in (
        WrappedKey(wrapped.key_id, "?"),
        WrappedKey(wrapped.key_id, ""),
        WrappedKey(keys.key_ids[1], wrapped.blob),
    ):
        with pytest.raises(SealError):
            keys.unwrap(changed, b"")


def test_a_wrapped_key_goes_through_json():
    wrapped = Keyring.of([OLD]).wrap(new_data_key(), b"")
    assert WrappedKey.from_json(json.loads(json.dumps(wrapped.to_json()))) == wrapped


@pytest.mark.parametrize(
    "value", [None, [], {}, {"key_id": "a"}, {"key_id": 1, "blob": "x"}, {"key_id": "a", "blob": None}]
)
def test_what_is_no_wrapped_key_is_refused(value):
    with pytest.raises(SealError, match="not a wrapped key"):
        WrappedKey.from_json(value)


def test_an_id_belongs_to_a_key_and_stays():
    assert Keyring.of([OLD, NEW]).key_ids == (*Keyring.of([OLD]).key_ids, *Keyring.of([NEW]).key_ids)
    # What is on somebody's disk names it.
    assert Keyring.of([OLD]).key_ids == ("7d71a23582a46e55",)


def test_a_key_given_twice_is_one():
    assert len(Keyring.of([OLD, NEW, OLD]).key_ids) == 2


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "no encryption key: at least one is needed"),
        ([OLD, OLD[:31]], "encryption key 2 has 31 bytes where 32 are needed"),
        ([OLD + b"x"], "encryption key 1 has 33 bytes"),
        ([text(OLD)], "encryption key 1: str is not bytes"),
        (OLD, "encryption key 1: int is not bytes"),
    ],
    ids=["none", "short", "long", "text", "one key where a list is meant"],
)
def test_what_is_no_list_of_keys_is_refused(keys, message):
    with pytest.raises(ConfigurationError, match=message):
        Keyring.of(keys)


@pytest.mark.parametrize(
    "said",
    [
        text(OLD),
        f" {text(OLD)}\n",
        text(OLD).rstrip("="),
        urlsafe_b64encode(OLD).decode(),
        f"{text(OLD)},",
        f",{text(OLD)}",
    ],
)
def test_a_key_is_read_as_the_usual_commands_write_it(said):
    assert keyring(environ={"OUTLAST_ENCRYPTION_KEY": said}).key_ids == Keyring.of([OLD]).key_ids


def test_both_alphabets_of_base64_are_read():
    key = b"\xfb\xff" * 16
    assert "-" in urlsafe_b64encode(key).decode()
    assert "+" in text(key)
    for said in (text(key), urlsafe_b64encode(key).decode()):
        assert keyring(environ={"OUTLAST_ENCRYPTION_KEY": said}).key_ids == Keyring.of([key]).key_ids


def test_several_keys_are_separated_by_commas_and_keep_their_order():
    keys = keyring(environ={"OUTLAST_ENCRYPTION_KEY": f"{text(NEW)}, {text(OLD)}"})
    assert keys.key_ids == Keyring.of([NEW, OLD]).key_ids


def test_a_file_holds_keys_on_lines_or_between_commas(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"{text(ODD)}\n{text(NEW)},{text(OLD)}\n\n")
    assert keyring(environ={"OUTLAST_ENCRYPTION_KEY_FILE": str(file)}).key_ids == Keyring.of([ODD, NEW, OLD]).key_ids


def test_a_provider_goes_before_the_variable_and_the_variable_before_the_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(text(OLD))
    environ = {"OUTLAST_ENCRYPTION_KEY": text(NEW), "OUTLAST_ENCRYPTION_KEY_FILE": str(file)}
    assert keyring(lambda: [ODD], environ).key_ids == Keyring.of([ODD]).key_ids
    assert keyring(None, environ).key_ids == Keyring.of([NEW]).key_ids
    assert keyring(None, {**environ, "OUTLAST_ENCRYPTION_KEY": ""}).key_ids == Keyring.of([OLD]).key_ids


def test_the_environment_of_the_process_is_the_one_that_counts(monkeypatch):
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", text(NEW))
    assert keyring().key_ids == Keyring.of([NEW]).key_ids


def test_without_a_key_both_variables_are_named():
    with pytest.raises(ConfigurationError, match=r"set OUTLAST_ENCRYPTION_KEY \(.*\) or OUTLAST_ENCRYPTION_KEY_FILE"):
        keyring(environ={})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("not base64!", "OUTLAST_ENCRYPTION_KEY, key 1 is not base64"),
        (f"{text(OLD)},{text(NEW[:31])}", "OUTLAST_ENCRYPTION_KEY, key 2 has 31 bytes where 32 are needed"),
        ("clé", "OUTLAST_ENCRYPTION_KEY, key 1 is not base64"),
        (",", "OUTLAST_ENCRYPTION_KEY holds no key"),
        (text(OLD)[:-3], "OUTLAST_ENCRYPTION_KEY, key 1 is not base64"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(said, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        keyring(environ={"OUTLAST_ENCRYPTION_KEY": said})
    told = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value.__cause__)
    assert not [part for part in said.split(",") if len(part) > 3 and part in told]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for file in (tmp_path / "absent", tmp_path):
        with pytest.raises(ConfigurationError, match=rf"OUTLAST_ENCRYPTION_KEY_FILE: {file} cannot be read"):
            keyring(environ={"OUTLAST_ENCRYPTION_KEY_FILE": str(file)})


def test_a_file_that_holds_no_keys_is_named(tmp_path):
    file = tmp_path / "keys"
    for contents in (b"", OLD + b"\x00" * 9, b"A" * (KEY_FILE_BYTES_MAX + 1)):
        file.write_bytes(contents)
        with pytest.raises(ConfigurationError, match=f"OUTLAST_ENCRYPTION_KEY_FILE.*{file}"):
            keyring(environ={"OUTLAST_ENCRYPTION_KEY_FILE": str(file)})


def test_what_is_printed_of_keys_holds_no_key():
    keys = Keyring.of([OLD])
    assert text(OLD) not in repr(keys) + str(vars(keys))
    assert repr(OLD)[2:10] not in repr(keys) + str(vars(keys))
