"""What a generated picture says about itself: an XMP packet."""

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

# Of the IPTC's vocabulary: what a trained network made together with other media, here a photo (and EU AI Act, Art. 50)
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class Provenance:
    """Which software and model made a picture, with which settings (the styles' ids among them)."""

    software: str
    model: str
    settings: str


def xmp(provenance: Provenance) -> bytes:
    """The packet, as every picture format holds it (ISO 16684-1)."""
    properties = {
        "xmp:CreatorTool": provenance.software,
        "Iptc4xmpExt:DigitalSourceType": _SOURCE_TYPE,
        "likeness:Model": provenance.model,
        "likeness:Settings": provenance.settings,
    }
    attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in properties.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'xmlns:likeness="urn:likeness:provenance:1.0:" {attributes}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
