"""Of the stranger (stranger.py): what an entity and an agent are, and what each signs. docs/protocol.md, §1 and §2."""
import base64, datetime, hashlib, json, os, re, subprocess, tempfile, time
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

DAY = 86_400_000

class Refused(Exception):
    """A refusal code, §8."""

def require(holds, code='record-malformed'):
    if not holds:
        raise Refused(code)

def now(): return time.time_ns() // 1_000_000
def sha256(*parts): return hashlib.sha256(b''.join(parts)).digest()
def b32(data): return base64.b32encode(data).decode().lower().rstrip('=')
def b64u(data): return base64.urlsafe_b64encode(data).decode().rstrip('=')
def unb64u(text): return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
def compact(value): return json.dumps(value, separators=(',', ':'), ensure_ascii=False)

def entity_id(key):
    """@param key a binary public key, in which the primary's packet comes first"""
    header = 2 if key[0] & 0x40 or key[0] & 3 == 0 else 3  # a length of one octet, or in the old format of two
    length = int.from_bytes(key[1:header], 'big')
    return b32(sha256(b'\x99', length.to_bytes(2, 'big'), key[header:header + length]))

def target_of(address): return b32(sha256(b'addr', address.encode()))

class Gpg:
    def __init__(self, home):
        self.home = home

    def run(self, *args, data=b''):
        """@returns what it wrote, and its status lines"""
        reads, writes = os.pipe()
        command = ['gpg', '--homedir', self.home, '--batch', '--no-tty', '--quiet', '--passphrase', '',
                   '--trust-model', 'always', '--status-fd', str(writes), *args]
        done = subprocess.run(command, input=data, capture_output=True, pass_fds=[writes])
        os.close(writes)
        with os.fdopen(reads, encoding='utf8') as lines:
            status = lines.read()
        require(done.returncode == 0, f'gpg {args[0]}: {done.stderr.decode(errors="replace")}')
        return done.stdout, status

    def verified(self, fingerprint, status):
        """@returns the one notation of a good signature by that key; gpg tells long ones in pieces"""
        require(re.search(r'VALIDSIG .* (\w+)$', status, re.M)[1] == fingerprint, 'signature-wrong')
        [name] = re.findall(r'NOTATION_NAME (.*)', status)
        data = ''.join(re.findall(r'NOTATION_DATA (.*)', status)).encode()
        return name, re.sub(rb'%(..)', lambda hexed: bytes([int(hexed[1], 16)]), data).decode()

def notation(name, value): return ['--sig-notation', f'{name}@vouchsafe.alt={value.replace("%", "%%")}']

class Entity:
    def __init__(self, gpg, address, agent, net):
        self.gpg, self.address = gpg, address
        _, status = gpg.run('--quick-generate-key', f'<{address}>', 'ed25519', 'cert', 'never')
        self.fingerprint = re.search(r'KEY_CREATED P (\w+)', status)[1]
        gpg.run('--quick-add-key', self.fingerprint, 'ed25519', 'sign', 'never')
        gpg.run('--quick-add-key', self.fingerprint, 'cv25519', 'encr', 'never')
        key, _ = gpg.run('--export', self.fingerprint)
        self.id, at = entity_id(key), now()
        term = {'notBefore': at, 'expires': at + 90 * DAY, 'seq': 1}
        delegation = self.state('delegation', entityId=self.id, agentId=agent, **term)
        self.card = self.state('card', address=address, entityId=self.id, key=base64.b64encode(key).decode(),
                               delegation=delegation, net=net, at=at)

    def state(self, kind, **fields):
        text = compact({'v': 1, **fields})
        signature, _ = self.gpg.run('--local-user', self.fingerprint, *notation('statement', kind), '--detach-sign',
                                    data=text.encode())
        return text + '\n' + base64.b64encode(signature).decode()

class Card:
    """Somebody else's, verified."""
    def __init__(self, gpg, text, net):
        fields = json.loads(text.split('\n')[0])
        key = base64.b64decode(fields['key'])
        self.gpg, self.entity, self.address = gpg, fields['entityId'], fields['address']
        require(entity_id(key) == self.entity and fields['net'] == net, 'card-invalid')
        self.fingerprint = re.search(r'IMPORT_OK \d+ (\w+)', gpg.run('--import', data=key)[1])[1]
        self.verify(text, 'card')
        delegation = self.verify(fields['delegation'], 'delegation')
        require(delegation['entityId'] == self.entity, 'card-invalid')
        require(delegation['notBefore'] <= now() + 900_000 and now() < delegation['expires'], 'card-invalid')
        self.agent = delegation['agentId']

    def verify(self, statement, kind):
        text, signature = statement.split('\n')
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(signature))
            file.flush()
            _, status = self.gpg.run('--verify', file.name, '-', data=text.encode())
        require(self.gpg.verified(self.fingerprint, status) == ('statement@vouchsafe.alt', kind), 'card-invalid')
        return json.loads(text)

def agent_id(key):
    return b32(sha256(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)))

class Agent:
    def __init__(self, net):
        self.key, self.net = Ed25519PrivateKey.generate(), net
        self.public = self.key.public_key()
        self.id = agent_id(self.public)

    def sign(self, record, **fields):
        x = b64u(self.public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
        header = {'alg': 'EdDSA', 'typ': f'vouchsafe/{record}', 'net': self.net,
                  'jwk': {'kty': 'OKP', 'crv': 'Ed25519', 'x': x}}
        signed = b64u(compact(header).encode()) + '.' + b64u(compact({'v': 1, **fields}).encode())
        return signed + '.' + b64u(self.key.sign(signed.encode()))

    def read(self, record, text):
        """@returns the agentId of who signed it, and the fields"""
        first, second, last = text.split('.')
        header, fields, signature = json.loads(unb64u(first)), json.loads(unb64u(second)), unb64u(last)
        require(header['typ'] == f'vouchsafe/{record}', 'record-type')
        require(header['net'] == self.net, 'net-mismatch')
        require(fields['v'] == 1, 'record-version')
        signed = f'{first}.{second}'.encode()
        if header['alg'] == 'EdDSA-tree':
            node = sha256(b'\0', signed)
            for at in range(64, len(signature), 32):
                node = sha256(b'\1', *sorted([node, signature[at:at + 32]]))
            signed, signature = b'vouchsafe tree\n' + node, signature[:64]
        signer = Ed25519PublicKey.from_public_bytes(unb64u(header['jwk']['x']))
        try:
            signer.verify(signature, signed)
        except InvalidSignature:
            raise Refused('signature-wrong')
        return agent_id(signer), fields

    def certificate(self):
        name, today = x509.Name([]), datetime.datetime.now(datetime.timezone.utc)
        return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.public)
                .serial_number(x509.random_serial_number()).not_valid_before(today - datetime.timedelta(1))
                .not_valid_after(today + datetime.timedelta(365)).sign(self.key, None))

def hash_of(*texts): return sha256('\n'.join(texts).encode()).hex()
