"""Small made-up feeds in their published formats."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile


def kev(*entries, released="2026-11-24T12:00:00.0000Z", **more):
    """The catalogue with an entry for each (CVE id, due date)."""
    vulnerabilities = [
        {
            "cveID": cve_id,
            "vendorProject": "Example",
            "product": "Server",
            "vulnerabilityName": "Example Server Vulnerability",
            "dateAdded": "2026-10-01",
            "shortDescription": "A flaw.",
            "requiredAction": "Apply updates.",
            "dueDate": due,
            "knownRansomwareCampaignUse": "Known",
            "notes": "",
            "cwes": [],
        }
        | more
        for cve_id, due in entries
    ]
    document = {
        "title": "CISA Catalog of Known Exploited Vulnerabilities",
        "catalogVersion": "2026.11.24",
        "dateReleased": released,
        "count": len(vulnerabilities),
        "vulnerabilities": vulnerabilities,
    }
    return json.dumps(document).encode()


KEV_CSV = (
    b"cveID,vendorProject,product,vulnerabilityName,dateAdded,shortDescription,requiredAction,dueDate,"
    b"knownRansomwareCampaignUse,notes,cwes\r\n"
    b'CVE-2026-12345,Example,Server,"A, flaw",2026-10-01,x,y,2026-10-22,Known,,CWE-79\r\n'
)


def epss(*rows, comments=("#model_version:v2025.03.14,score_date:2026-11-24T00:00:00+0000",)):
    """The gzipped scores, a row for each (CVE id, score, percentile)."""
    lines = [*comments, "cve,epss,percentile", *(",".join(map(str, row)) for row in rows)]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


def remediation(kb, supercedence=None, kind=2, products=("11926",)):
    return {
        "Type": kind,
        "SubType": "Security Update",
        "Description": {"Value": kb},
        "FixedBuild": "10.0.17763.1",
        "URL": f"https://catalog.example/{kb}",
        "Supercedence": supercedence,
        "RestartRequired": {"Value": "Yes"},
        "ProductID": list(products),
    }


def msrc(*vulnerabilities, month="2026-Nov", released="2026-11-10T08:00:00"):
    """The document of a month with each (CVE id, remediations)."""
    document = {
        "DocumentTitle": {"Value": f"{month} Security Updates"},
        "DocumentTracking": {
            "Identification": {"ID": {"Value": month}},
            "InitialReleaseDate": released,
            "CurrentReleaseDate": released,
        },
        "ProductTree": {
            "FullProductName": [
                {"ProductID": "11926", "Value": "Windows Server 2019"},
                {"ProductID": "11927", "Value": "Windows Server 2022 (Server Core installation)"},
                {"ProductID": "9000", "Value": "Microsoft SQL Server 2019 (GDR)"},
            ]
        },
        "Vulnerability": [
            {
                "CVE": cve_id,
                "Title": {"Value": "A flaw"},
                "RevisionHistory": [{"Number": "1.0", "Date": released, "Description": {"Value": "<p>x</p>"}}],
                "Remediations": list(remediations),
            }
            for cve_id, remediations in vulnerabilities
        ],
    }
    return json.dumps(document).encode()


def affected(ecosystem, name, fixed, binaries=()):
    events = [{"introduced": "0"}] + ([{"fixed": fixed}] if fixed else [])
    specific = {"binaries": [{"binary_name": each, "binary_version": fixed} for each in binaries]} if binaries else {}
    return {
        "package": {"ecosystem": ecosystem, "name": name, "purl": f"pkg:deb/x/{name}?arch=source"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
        "versions": ["1.0-1"],
        "ecosystem_specific": specific,
    }


def osv(record_id, *packages, **members):
    """One OSV record with these `affected` entries."""
    record = {
        "schema_version": "1.7.0",
        "id": record_id,
        "details": "A flaw.",
        "published": "2026-11-01T10:00:00Z",
        "modified": "2026-11-20T10:00:00Z",
        "affected": list(packages),
    }
    return json.dumps(record | members).encode()


def zipped(documents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in documents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(documents, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in documents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
