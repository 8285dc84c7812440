"""Blobs in a bucket of an S3-compatible object store."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import SplitResult, parse_qsl, unquote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from packages.blobs.store import is_key

KNOWN = ("endpoint", "region", "public", "addressing")
PART = 16 * 2**20  # larger tarballs go up in parts of this size
CONNECT_SECONDS, READ_SECONDS = 3, 20
ATTEMPTS = 3
RESUMES = 3  # of one download that breaks off
LINES = 32  # kept open
BUFFER = 64 * 1024


class StoreError(OSError):
    """The object store did not do what it was asked, or did not answer."""


class S3Store:
    """Blobs as objects of one bucket, below a prefix.

    endpoint: "" for AWS. public: the address under which clients reach the same store, when that is another.
    """

    def __init__(self, bucket: str, prefix: str = "", *, endpoint: str = "", region: str = "", public: str = "",
                 addressing: str = "") -> None:  # fmt: skip
        self.bucket, self.prefix = bucket, f"{prefix}/" if prefix else ""
        self._endpoint, self._region, self._public = endpoint, region, public
        self._addressing = addressing or ("path" if endpoint else "auto")

    @classmethod
    def at(cls, parts: SplitResult, name: str) -> S3Store:
        """The store of an address. name: of the setting it is from. Raises ImproperlyConfigured."""
        said = dict(parse_qsl(parts.query))
        if not parts.netloc or set(said) - set(KNOWN):
            raise ImproperlyConfigured(
                f"{name} is like s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1;"
                f" after the question mark it takes {', '.join(KNOWN)}"
            )
        for each in ("endpoint", "public"):
            if not said.get(each, "http://").startswith(("http://", "https://")):
                raise ImproperlyConfigured(f"{each} in {name} begins with http:// or https://")
        if said.get("addressing", "path") not in ("path", "virtual"):
            raise ImproperlyConfigured(f"addressing in {name} is path or virtual")
        return cls(parts.netloc, unquote(parts.path).strip("/"), **said)

    @property
    def folder(self) -> None:
        return None

    def put(self, key: str, source: Path) -> None:
        from boto3.s3.transfer import TransferConfig

        parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False,
                               preferred_transfer_client="classic")  # fmt: skip
        size = source.stat().st_size
        more = {"ContentType": "application/octet-stream"}
        with _asking(f"put {key}"):
            self._client.upload_file(str(source), self.bucket, self.prefix + key, ExtraArgs=more, Config=parts)
        found = self.size(key)
        if found != size:
            raise StoreError(f"put {key}: {size} bytes were sent and {found} are there")
        source.unlink()

    def open(self, key: str, size: int) -> BinaryIO:
        first = self._get(key)
        if (found := first.get("ContentLength")) != size:
            first["Body"].close()
            raise StoreError(f"{key} has {found} bytes, and should have {size}")
        etag = first.get("ETag", "")
        return io.BufferedReader(_Stream(first["Body"], size, lambda at: self._rest(key, at, etag)), BUFFER)

    def size(self, key: str) -> int:
        return self._said(key, "ContentLength")

    def written(self, key: str) -> float:
        return self._said(key, "LastModified").timestamp()

    def delete(self, key: str) -> None:
        with _asking(f"delete {key}"):
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def keys(self) -> Iterator[str]:
        return filter(is_key, self.names())

    def names(self) -> Iterator[str]:
        """The keys of all that lies below the prefix, blobs or not, in no order."""
        with _asking("list"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
                if "IsTruncated" not in page:  # some other page, which would be read as an empty list
                    raise StoreError("list: the answer is none")
                for each in page.get("Contents", ()):
                    yield each["Key"].removeprefix(self.prefix)

    def halves(self, before: float) -> Iterator[str]:
        pages = self._client.get_paginator("list_multipart_uploads")
        with _asking("list uploads"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix):
                for each in page.get("Uploads", ()):
                    if is_key(each["Key"].removeprefix(self.prefix)) and each["Initiated"].timestamp() < before:
                        yield json.dumps([each["Key"], each["UploadId"]])

    def drop(self, half: str) -> None:
        key, upload = json.loads(half)
        with _asking(f"abort the upload of {key}"):
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)

    def link(self, key: str, seconds: int, **headers: str) -> str:
        """An address that gives a blob's bytes to whoever has it, for some seconds. Nothing is asked of the store.

        headers: what the answer is to say, as S3 names it: ResponseCacheControl, ResponseContentType.
        """
        asked = {"Bucket": self.bucket, "Key": self.prefix + key, **headers}
        with _asking(f"link {key}"):
            return self._for_clients.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)

    @cached_property
    def _client(self) -> Any:
        return self._made(self._endpoint)

    @cached_property
    def _for_clients(self) -> Any:
        return self._made(self._public) if self._public else self._client

    def _made(self, endpoint: str) -> Any:
        import boto3  # 40 MB of memory, which only those need who store here
        from botocore.config import Config

        session = boto3.session.Session(
            aws_access_key_id=settings.AWS_ACCESS_KEY_ID or None,
            aws_secret_access_key=settings.AWS_SECRET_ACCESS_KEY or None,
            aws_session_token=settings.AWS_SESSION_TOKEN or None,
            region_name=self._region or None,
        )
        config = Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=LINES,
            tcp_keepalive=True,
            # The store compares what arrives with a SHA-256 in the signature; all S3 look-alikes do, and few know more.
            s3={"payload_signing_enabled": True, "addressing_style": self._addressing},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        region = session.region_name or "us-east-1"
        return session.client("s3", endpoint_url=endpoint or None, region_name=region, config=config)

    def _get(self, key: str, **more: str) -> dict[str, Any]:
        with _asking(f"get {key}"):
            return self._client.get_object(Bucket=self.bucket, Key=self.prefix + key, **more)

    def _rest(self, key: str, start: int, etag: str) -> Any:
        same = {"IfMatch": etag} if etag else {}
        answer = self._get(key, Range=f"bytes={start}-", **same)
        # A store, or what stands before it, that knows no ranges sends the whole: its begin is not what comes next.
        if start and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
            answer["Body"].close()
            raise StoreError(f"get {key}: it gave the whole, or another part, and not what begins at {start}")
        return answer["Body"]

    def _said(self, key: str, header: str) -> Any:
        try:
            with _asking(f"look at {key}"):
                answer = self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)
        except FileNotFoundError:
            self._require_bucket()
            raise
        if answer.get(header) is None:
            raise StoreError(f"look at {key}: the answer has no {header}")
        return answer[header]

    def _require_bucket(self) -> None:
        # An answer to HEAD has no body to say what is not there, the object or all of the bucket.
        try:
            with _asking("look at the bucket"):
                self._client.head_bucket(Bucket=self.bucket)
        except FileNotFoundError as error:
            raise StoreError(f"there is no bucket {self.bucket}") from error


class _Stream(io.RawIOBase):
    """A download that goes on where it broke off; it ends early only with an error."""

    def __init__(self, body: Any, size: int, again: Callable[[int], Any]) -> None:
        self._body, self._size, self._again = body, size, again
        self._at, self._resumes = 0, RESUMES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if self._at >= self._size:
            return 0
        while True:
            try:
                with _asking("read"):
                    piece = self._body.read(len(buffer))
                if not piece:
                    raise StoreError(f"read: it ended after {self._at} of {self._size} bytes")
                break
            except StoreError:
                self._body.close()
                if not self._resumes:
                    raise
                self._resumes -= 1
                self._body = self._again(self._at)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


@contextmanager
def _asking(what: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
            raise FileNotFoundError(f"{what}: it is not there") from error
        raise StoreError(f"{what}: {error}") from error
    except (Boto3Error, BotoCoreError, HTTPClientError, ResponseParserError) as error:
        raise StoreError(f"{what}: {error}") from error
