package sops

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"filippo.io/age/plugin"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/getsops/sops/v3/age"
)

// Keys opens files.
type Keys struct {
	// Certain says that these are all keys that the controller has.
	Certain bool

	// Services says that the key services that a file names may be asked, over
	// the network and with the credentials of the environment.
	Services bool

	identities age.ParsedIdentities
	ring       openpgp.EntityList
}

// The ends of names of entries that hold keys.
const (
	AgeExtension = ".agekey"
	PGPExtension = ".asc"
)

// IsEmpty reports whether there is no key, and nobody to ask for one.
func (k Keys) IsEmpty() bool { return len(k.identities) == 0 && len(k.ring) == 0 && !k.Services }

// With returns these keys and the others.
func (k Keys) With(other Keys) Keys {
	k.identities = slices.Concat(k.identities, other.identities)
	k.ring = slices.Concat(k.ring, other.ring)
	k.Services = k.Services || other.Services
	return k
}

// NewKeys reads the entries of a Secret of keys, by their extension. The text
// names where the entries are from in an error.
func NewKeys(data map[string][]byte, from string) (Keys, error) {
	var k Keys
	for _, name := range slices.Sorted(maps.Keys(data)) {
		var one Keys
		var err error
		switch path.Ext(name) {
		case PGPExtension:
			one, err = PGPKeys(data[name])
		case AgeExtension:
			one, err = AgeKeys(string(data[name]))
		}
		if err != nil {
			return Keys{}, fmt.Errorf("failed to import '%s' data from %s: %w", name, from, err)
		}
		k = k.With(one)
	}
	return k, nil
}

// AgeKeys reads age identities, one a line.
func AgeKeys(text string) (Keys, error) {
	var k Keys
	if err := k.identities.Import(text); err != nil {
		return Keys{}, err
	}
	for i, id := range k.identities {
		if p, ok := id.(*plugin.Identity); ok {
			k.identities[i] = missingPlugin{p.Name()}
		}
	}
	return k, nil
}

var armored = []byte("-----BEGIN PGP ")

// PGPKeys reads PGP keys, in text or in binary form.
func PGPKeys(data []byte) (Keys, error) {
	var k Keys
	if !bytes.Contains(data, armored) {
		ring, err := openpgp.ReadKeyRing(bytes.NewReader(data))
		if err != nil || len(ring) == 0 {
			return Keys{}, errNoPGP
		}
		return Keys{ring: ring}, nil
	}
	for {
		start := bytes.Index(data, armored)
		if start < 0 {
			break
		}
		block := data[start:]
		next := bytes.Index(block[len(armored):], armored)
		if next < 0 {
			data = nil
		} else {
			block, data = block[:len(armored)+next], block[len(armored)+next:]
		}
		decoded, err := armor.Decode(bytes.NewReader(block))
		if err != nil {
			continue
		}
		ring, err := openpgp.ReadKeyRing(decoded.Body)
		if err == nil {
			k.ring = append(k.ring, ring...)
		}
	}
	if len(k.ring) == 0 {
		return Keys{}, errNoPGP
	}
	return k, nil
}

// errNoPGP is what the controller says about a file without a PGP key.
var errNoPGP = errors.New("failed to import armored key data into GnuPG keyring (exit status 2): " +
	"gpg: no valid OpenPGP data found.\ngpg: Total number processed: 0")

// maxDataKey bounds what is read of a data key, which has 32 bytes.
const maxDataKey = 4096

// openPGP opens a data key that is encrypted for a PGP key.
func (k Keys) openPGP(message []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(message))
	if err != nil {
		return nil, pgpError("gpg: no valid OpenPGP data found.\ngpg: decrypt_message failed: Unknown system error")
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, pgpError("gpg: decrypt_message failed: " + err.Error())
	}
	refuse := func([]openpgp.Key, bool) ([]byte, error) { return nil, errors.New("there is no passphrase") }
	md, err := openpgp.ReadMessage(bytes.NewReader(body), k.ring, refuse, nil)
	if err == nil {
		var plain []byte
		if plain, err = io.ReadAll(io.LimitReader(md.UnverifiedBody, maxDataKey)); err == nil && len(plain) > 0 {
			return plain, nil
		}
	}
	return nil, pgpError(recipients(body) + "gpg: decryption failed: No secret key")
}

func pgpError(text string) error {
	return fmt.Errorf("could not decrypt data key with PGP key: GnuPG binary error: failed to decrypt sops data key with pgp: %s", text)
}
