"""What a tagger reads from a picture."""

from cluster.domain.value import Value


class Tags(Value):
    """Calibrated probabilities by head, then by label; a head's "not visible" is the label "".

    Heads: gender, skin, hair_colour, hair_style, left_eye, right_eye, beard, outfit, outfit_colour,
    place, weather, framing, expression, head_pose, action (each sums to 1), and the independent
    ones: marks and injuries ("scar on the left cheek"), props ("sword"), cyber ("left", "right").
    """

    heads: dict[str, dict[str, float]]

    def best(self, head: str) -> tuple[str, float]:
        """The most probable label of a head with its probability; ("", 0) for an unknown head."""
        labels = self.heads.get(head, {})
        if not labels:
            return "", 0.0
        label = max(labels, key=lambda name: labels[name])
        return label, labels[label]

    def probability(self, head: str, label: str) -> float | None:
        """Probability of a label, or None when this tagger does not know it."""
        return self.heads.get(head, {}).get(label)
