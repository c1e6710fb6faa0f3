// Package sops decrypts SOPS files with the keys that a cluster holds, and with
// no others: neither the environment nor the home folder of whoever runs the
// program is ever looked at. It is the only importer of getsops/sops.
package sops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/logging"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
)

// The library logs every attempt with a key to the standard error stream; what
// matters of it comes back as an error.
func init() { logging.SetLevel(logrus.PanicLevel) }

// ErrNotAtHand says that a file is encrypted for keys of a kind that only a
// cluster has: PGP, Vault or a cloud's key service.
var ErrNotAtHand = errors.New("the key is not at hand")

// Format is how a file is encrypted.
type Format = formats.Format

// The formats that a caller names; others come from FormatOf.
const (
	JSON   = formats.Json
	Dotenv = formats.Dotenv
	Binary = formats.Binary
)

// FormatOf is the format of a file by its name.
func FormatOf(name string) Format {
	if path.Ext(name) == ".dockerconfigjson" || name == ".dockerconfigjson" {
		return formats.Json
	}
	return formats.FormatForPath(name)
}

var markers = map[Format][]byte{
	formats.Binary: []byte(`"mac": "ENC[`),
	formats.Dotenv: []byte("sops_mac=ENC["),
	formats.Ini:    []byte("[sops]"),
	formats.Json:   []byte(`"mac": "ENC[`),
	formats.Yaml:   []byte("mac: ENC["),
}

// IsEncrypted reports whether the content carries the mark of its format.
func IsEncrypted(data []byte, f Format) bool { return bytes.Contains(data, markers[f]) }

// Keys are what a Secret of keys holds.
type Keys struct {
	identities age.ParsedIdentities
	others     bool // there are keys of another kind
}

// NewKeys reads the data of a Secret of keys: entries that end in .agekey.
func NewKeys(data map[string][]byte) (Keys, error) {
	var k Keys
	for _, name := range slices.Sorted(maps.Keys(data)) {
		switch {
		case strings.HasSuffix(name, ".agekey"):
			if err := k.identities.Import(string(data[name])); err != nil {
				return Keys{}, fmt.Errorf("failed to import data from %s: %w", name, err)
			}
		case strings.HasSuffix(name, ".asc") || strings.HasPrefix(name, "sops."):
			k.others = true
		}
	}
	return k, nil
}

// Decrypt decrypts a file and writes it in another format. The error wraps
// ErrNotAtHand when some key that would do may exist elsewhere; otherwise it has
// the controller's text. As in the controller the MAC is not verified.
func (k Keys) Decrypt(data []byte, in, out Format) ([]byte, error) {
	stores := config.NewStoresConfig()
	tree, err := common.StoreForFormat(in, stores).LoadEncryptedFile(data)
	if err != nil {
		return nil, fmt.Errorf("failed to load encrypted %s data: %w", formatNames[in], userError(err))
	}
	if k.others || !onlyAge(tree) {
		if len(k.identities) == 0 || !hasAge(tree) {
			return nil, ErrNotAtHand
		}
	}
	key, err := tree.Metadata.GetDataKeyWithKeyServices([]keyservice.KeyServiceClient{service(k)}, sops.DefaultDecryptionOrder)
	if err != nil {
		if k.others || !onlyAge(tree) {
			return nil, ErrNotAtHand
		}
		return nil, fmt.Errorf("cannot get sops data key: %w", userError(err))
	}
	if _, err := tree.Decrypt(key, aes.NewCipher()); err != nil {
		return nil, fmt.Errorf("error decrypting sops tree: %w", userError(err))
	}
	clear, err := common.StoreForFormat(out, stores).EmitPlainFile(tree.Branches)
	if err != nil {
		return nil, fmt.Errorf("failed to emit encrypted %s data as decrypted %s: %w", formatNames[in], formatNames[out], err)
	}
	return clear, nil
}

var formatNames = map[Format]string{
	formats.Binary: "binary", formats.Dotenv: "dotenv", formats.Ini: "INI", formats.Json: "JSON", formats.Yaml: "YAML",
}

func onlyAge(t sops.Tree) bool { return count(t, false) == 0 }

func hasAge(t sops.Tree) bool { return count(t, true) > 0 }

// count counts the keys of a file that are age keys, or that are not.
func count(t sops.Tree, wantAge bool) int {
	n := 0
	for _, group := range t.Metadata.KeyGroups {
		for _, key := range group {
			if _, isAge := key.(*age.MasterKey); isAge == wantAge {
				n++
			}
		}
	}
	return n
}

func userError(err error) error {
	var u sops.UserError
	if errors.As(err, &u) {
		return errors.New(u.UserError())
	}
	return err
}

// service unlocks data keys with age identities.
type service Keys

// Decrypt unlocks a data key.
func (s service) Decrypt(_ context.Context, req *keyservice.DecryptRequest, _ ...grpc.CallOption) (*keyservice.DecryptResponse, error) {
	k, ok := req.GetKey().GetKeyType().(*keyservice.Key_AgeKey)
	// Without identities the library would look for some on this machine.
	if !ok || len(s.identities) == 0 {
		return nil, errors.New("failed to load age identities: there are none")
	}
	key := age.MasterKey{Recipient: k.AgeKey.Recipient, EncryptedKey: string(req.GetCiphertext())}
	s.identities.ApplyToMasterKey(&key)
	plain, err := key.Decrypt()
	if err != nil {
		return nil, err
	}
	return &keyservice.DecryptResponse{Plaintext: plain}, nil
}

// Encrypt refuses.
func (service) Encrypt(context.Context, *keyservice.EncryptRequest, ...grpc.CallOption) (*keyservice.EncryptResponse, error) {
	return nil, errors.New("nothing is encrypted here")
}
