"""The study of LilT's claims: what its probes learn from and are tested on."""

from studies.lilt.towers import NAMES, TEST_TEXTS, TRAIN_TEXTS, _named_captions


def test_no_caption_is_in_train_and_test() -> None:
    texts, labels = _named_captions()
    assert len(texts) == len(labels) == TRAIN_TEXTS + TEST_TEXTS
    assert not set(texts[:TRAIN_TEXTS]) & set(texts[TRAIN_TEXTS:])


def test_every_caption_names_its_label_and_both_parts_hold_all_names() -> None:
    texts, labels = _named_captions()
    assert all(NAMES[label] in text for text, label in zip(texts, labels, strict=True))
    assert set(labels[:TRAIN_TEXTS]) == set(labels[TRAIN_TEXTS:]) == set(range(len(NAMES)))
