"""From a fresh paramiko transport to a logged-in one: host key first, then who we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.remote import known_hosts
from console.remote.errors import AuthFailed, Cancelled, HostKeyChanged, HostKeyUnknown, LinkLost
from console.remote.known_hosts import Standing
from console.remote.prompter import Ask, HostKeyQuestion, Prompter, Question
from console.remote.secret import Secret
from console.remote.target import Target
from console.remote.vault import Account, Vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import paramiko

    from console.remote.identities import Identity, Ring
    from console.remote.userauth import Answer, Prompt

PASSPHRASE_TRIES = 3

MAX_STAGES = 8
"""Methods that a host may ask for one after the other."""


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The host key that was checked."""

    name: str
    """As known_hosts names the host."""
    key_type: str
    fingerprint: str
    note: str = ""
    """Something to show, such as: accepted, but the line could not be written."""


def prefer_known_keys(transport: paramiko.Transport, target: Target) -> None:
    """Offers the host key types that known_hosts has of this host first. Call before `start_client`."""
    known = known_hosts.known_types(target.known_hosts, target.hostname, target.port, alias=target.host_key_alias)
    options = transport.get_security_options()
    options.key_types = known_hosts.prefer(known, tuple(options.key_types))


def check_host_key(transport: paramiko.Transport, target: Target, prompter: Prompter) -> HostIdentity:
    """Call after `start_client`, before anything else. paramiko cannot check a host certificate: the plain key counts.

    Raises:
        HostKeyChanged: another key than the one we know, or a revoked one.
        HostKeyUnknown: not known, and the user did not accept it.
    """
    key = transport.get_remote_server_key()
    key_type, blob = key.get_name(), key.asbytes()
    verdict = known_hosts.judge(
        target.known_hosts, target.hostname, target.port, key_type, blob, alias=target.host_key_alias
    )
    name = known_hosts.host_name(target.hostname, target.port, target.host_key_alias)
    seen = HostIdentity(name, key_type, known_hosts.fingerprint(blob), "; ".join(verdict.warnings))
    if verdict.standing is Standing.KNOWN:
        return seen
    shown, where = f"{key_type} key {seen.fingerprint}", f"{verdict.path} line {verdict.line}"
    if verdict.standing is Standing.REVOKED:
        raise HostKeyChanged(f"{name} shows the {shown}, which {where} marks as @revoked")
    if verdict.standing is Standing.CHANGED:
        raise HostKeyChanged(
            f"{name} shows the {shown}, but {where} has another one: someone may sit in between; "
            "if the host really has a new key, remove that line by hand"
        )
    return _ask_host_key(seen, blob, target, prompter, verdict)


def _ask_host_key(
    seen: HostIdentity, blob: bytes, target: Target, prompter: Prompter, verdict: known_hosts.Verdict
) -> HostIdentity:
    path = target.user_known_hosts[0] if target.user_known_hosts else ""
    authority = "known_hosts trusts an authority for this host, but host certificates cannot be checked here"
    question = HostKeyQuestion(
        host=seen.name,
        address=target.address,
        key_type=seen.key_type,
        fingerprint=seen.fingerprint,
        known_hosts=path,
        other_types=verdict.other_types,
        note=authority if verdict.authorities else "",
    )
    if not prompter.accept_host_key(question):
        raise HostKeyUnknown(
            f"the {seen.key_type} key of {seen.name}, {seen.fingerprint}, is not known and not accepted"
        )
    notes = [seen.note] if seen.note else []
    if question.note:
        notes.append(question.note)
    if not path:
        notes.append("the key was accepted for now only: there is no file to remember it in")
    else:
        try:
            known_hosts.append(path, seen.name, seen.key_type, blob, hashed=target.hash_known_hosts)
        except (OSError, ValueError) as problem:
            notes.append(f"the key was accepted for now only: {path} was not written: {problem}")
    return HostIdentity(seen.name, seen.key_type, seen.fingerprint, "; ".join(notes))


def authenticate(
    transport: paramiko.Transport, target: Target, prompter: Prompter, vault: Vault, identity: HostIdentity
) -> str:
    """Logs in; says how: `publickey (agent, me@laptop)`, `publickey (/home/me/.ssh/id_ed25519)`, `password`, …

    Keys first. Then, as ssh does it, what a person can type: the password that the vault has, else
    keyboard-interactive where the host offers it, else the password. Secrets that the prompter gave stay its own.

    Args:
        transport: a plain `paramiko.Transport` after `check_host_key`.

    Raises:
        AuthFailed: every way was refused; lists them. A refused password is never tried again.
        Cancelled: the user gave no answer.
        LinkLost: the connection went before anything was tried.
    """
    from console.remote.identities import gather

    ring = gather(target)
    try:
        return _Login(transport, target, prompter, vault, identity, ring).run()
    finally:
        ring.close()


class _Login:
    def __init__(
        self,
        transport: paramiko.Transport,
        target: Target,
        prompter: Prompter,
        vault: Vault,
        identity: HostIdentity,
        ring: Ring,
    ) -> None:
        from console.remote.userauth import UserAuth

        self._auth = UserAuth(transport, target.user)
        self._target = target
        self._prompter = prompter
        self._vault = vault
        self._host = identity.name
        self._account = Account(identity.name, target.user, identity.fingerprint)
        self._keys: Iterator[Identity] = iter(ring.identities)
        self._trouble = list(ring.trouble)
        self._tried: list[str] = []
        self._passed: list[str] = []
        self._asked = False

    def run(self) -> str:
        from console.remote.userauth import Answer

        try:
            for _ in range(MAX_STAGES):
                answer = self._publickey()
                if answer is Answer.REFUSED:
                    answer = self._typed()
                if answer is Answer.ACCEPTED:
                    return " + ".join(self._passed) or "none"
                if answer is Answer.REFUSED:
                    break
        except LinkLost as lost:
            if not self._auth.attempts:
                raise
            raise AuthFailed(f"{self._account_of_it()}; then {lost}") from None
        raise AuthFailed(self._account_of_it())

    def _account_of_it(self) -> str:
        """One sentence: what was tried, what was left out, what the host would take."""
        told = f"{self._target.address} lets us in by none of what we have: "
        told += ", ".join(self._tried) + " refused" if self._tried else "there was nothing to try"
        told += "".join(f"; {each}" for each in self._trouble)
        return told + f"; the host takes {', '.join(self._auth.methods or ()) or 'nothing'}"

    def _offered(self, method: str) -> bool:
        return self._auth.methods is None or method in self._auth.methods

    def _note(self, answer: Answer, how: str) -> Answer:
        from console.remote.userauth import Answer

        (self._tried if answer is Answer.REFUSED else self._passed).append(how)
        return answer

    def _publickey(self) -> Answer:
        from console.remote.userauth import Answer

        while self._offered("publickey"):
            identity = next(self._keys, None)
            if identity is None:
                break
            answer = self._one_key(identity)
            if answer is not Answer.REFUSED:
                return answer
        if self._auth.methods is None:
            return self._auth.none()
        return Answer.REFUSED

    def _one_key(self, identity: Identity) -> Answer:
        """Asks the host first, where using the key would ask a person."""
        import paramiko

        from console.remote.identities import KeyUnusable
        from console.remote.userauth import Answer

        how = f"publickey ({identity.label})"
        if (identity.encrypted or identity.needs_person) and identity.public:
            blob = identity.certificate.key_blob if identity.certificate else identity.public
            if not self._auth.probe(self._auth.algorithm(identity.key_type), blob):
                return self._note(Answer.REFUSED, how)
        try:
            key = self._unlock(identity)
            return self._note(self._auth.publickey(key), how)
        except KeyUnusable as problem:
            self._trouble.append(str(problem))
        except (paramiko.SSHException, OSError) as problem:
            self._trouble.append(f"{identity.label} did not sign: {problem}")
        return Answer.REFUSED

    def _unlock(self, identity: Identity) -> paramiko.PKey:
        """A passphrase is our own affair, so a wrong one may be asked for again."""
        from console.remote.identities import KeyUnusable, WrongPassphrase

        if not identity.encrypted:
            return identity.load(None)
        for number in range(PASSPHRASE_TRIES):
            secret = self._ask(Ask.PASSPHRASE, f"Passphrase of {identity.label}", failed=number > 0)
            try:
                return identity.load(secret)
            except WrongPassphrase:
                continue
        raise KeyUnusable(f"no passphrase given opens {identity.label}")

    def _typed(self) -> Answer:
        """What the vault has, or what a person types. After a refusal there is no second way."""
        from console.remote.userauth import Answer

        stored = self._vault.get(self._account) if self._offered("password") else None
        if stored is not None:
            answer = self._note(self._auth.password(stored), "password (keyring)")
            stored.wipe()
            if answer is Answer.REFUSED:
                self._vault.forget(self._account)
                self._trouble.append("the stored password was removed from the keyring")
            return answer
        if self._offered("keyboard-interactive"):
            self._asked = False
            answer = self._note(self._auth.interactive(self._answers), "keyboard-interactive")
            if answer is not Answer.REFUSED or self._asked:
                return answer
        return self._password() if self._offered("password") else Answer.REFUSED

    def _password(self) -> Answer:
        from console.remote.userauth import Answer

        secret = self._ask(Ask.PASSWORD, f"Password of {self._target.address}")
        answer = self._note(self._auth.password(secret), "password")
        if answer is not Answer.REFUSED:
            self._vault.offer(self._account, secret)
        return answer

    def _answers(self, text: str, prompts: Sequence[Prompt]) -> Sequence[Secret]:
        self._asked = True
        lead = f"{text}\n" if text else ""
        return [self._ask(Ask.INTERACTIVE, lead + prompt.text, echo=prompt.echo) for prompt in prompts]

    def _ask(self, kind: Ask, text: str, *, echo: bool = False, failed: bool = False) -> Secret:
        question = Question(kind, self._host, self._target.user, text, echo=echo, failed=failed)
        secret = self._prompter.ask(question)
        if secret is None:
            raise Cancelled(f"{self._host} asked, and no answer was given: {text.strip().removesuffix(':')}")
        return secret
