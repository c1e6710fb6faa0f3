// Package sopstest encrypts files for tests, with keys that it makes.
package sopstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/hcvault"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/kms"
	"github.com/getsops/sops/v3/pgp"
	"google.golang.org/grpc"
)

// Key is a key pair. The zero Key is one of a key service in a cloud.
type Key struct {
	Private string // as in an .agekey or .asc file
	Public  string // recipient or fingerprint

	entity *openpgp.Entity
	vault  string // address
}

// VaultKey is a key of a Vault server, which encrypts data keys itself.
func VaultKey(address string) Key { return Key{vault: address} }

// AgeKey makes an age key.
func AgeKey(t *testing.T) Key {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return Key{Private: id.String(), Public: id.Recipient().String()}
}

// PluginKey is an age identity of a plugin that nobody has.
func PluginKey() Key {
	return Key{Private: plugin.EncodeIdentity("nobody", []byte("key")), Public: "age1nobody"}
}

// PGPKey makes a PGP key.
func PGPKey(t *testing.T) Key {
	t.Helper()
	e, err := openpgp.NewEntity("Test", "", "test@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	w, err := armor.Encode(&text, openpgp.PrivateKeyType, nil)
	if err == nil {
		err = e.SerializePrivate(w, nil)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return Key{Private: text.String(), Public: strings.ToUpper(fmt.Sprintf("%x", e.PrimaryKey.Fingerprint)), entity: e}
}

// Options say how a file is encrypted.
type Options struct {
	Groups           [][]Key // key groups; with several, Threshold of them are needed
	Threshold        int
	EncryptedRegex   string
	EncryptedSuffix  string
	MACOnlyEncrypted bool
	BreakMAC         bool
}

// For are the options of a file for these keys.
func For(keys ...Key) Options { return Options{Groups: [][]Key{keys}} }

// Encrypt encrypts a file.
func Encrypt(t *testing.T, plain string, f formats.Format, o Options) string {
	t.Helper()
	store := common.StoreForFormat(f, config.NewStoresConfig())
	branches, err := store.LoadPlainFile([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	tree := sops.Tree{Branches: branches, Metadata: sops.Metadata{
		Version: "3.13.2", ShamirThreshold: o.Threshold, EncryptedRegex: o.EncryptedRegex, EncryptedSuffix: o.EncryptedSuffix,
		MACOnlyEncrypted: o.MACOnlyEncrypted, LastModified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}}
	if o.EncryptedRegex == "" && o.EncryptedSuffix == "" {
		tree.Metadata.UnencryptedSuffix = "_unencrypted"
	}
	known := map[string]*openpgp.Entity{}
	for _, group := range o.Groups {
		var out sops.KeyGroup
		for _, k := range group {
			switch {
			case k.vault != "":
				out = append(out, hcvault.NewMasterKey(k.vault, "transit", "test"))
			case k.entity != nil:
				known[k.Public] = k.entity
				out = append(out, pgp.NewMasterKeyFromFingerprint(k.Public))
			case k.Public != "":
				out = append(out, &sopsage.MasterKey{Recipient: k.Public})
			default:
				out = append(out, kms.NewMasterKeyFromArn("arn:aws:kms:eu-north-1:000000000000:key/test", nil, ""))
			}
		}
		tree.Metadata.KeyGroups = append(tree.Metadata.KeyGroups, out)
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	if errs := tree.Metadata.UpdateMasterKeysWithKeyServices(key, []keyservice.KeyServiceClient{service(known)}); len(errs) > 0 {
		t.Fatal(errs)
	}
	mac, err := tree.Encrypt(key, aes.NewCipher())
	if err != nil {
		t.Fatal(err)
	}
	if o.BreakMAC {
		mac = strings.Repeat("0", len(mac))
	}
	tree.Metadata.MessageAuthenticationCode, err = aes.NewCipher().Encrypt(mac, key, tree.Metadata.LastModified.Format(time.RFC3339))
	if err != nil {
		t.Fatal(err)
	}
	data, err := store.EmitEncryptedFile(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// service encrypts data keys for PGP keys by fingerprint, and for age keys.
type service map[string]*openpgp.Entity

// Encrypt encrypts a data key.
func (s service) Encrypt(_ context.Context, req *keyservice.EncryptRequest, _ ...grpc.CallOption) (*keyservice.EncryptResponse, error) {
	switch k := req.GetKey().GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		key := sopsage.MasterKey{Recipient: k.AgeKey.Recipient}
		err := key.Encrypt(req.GetPlaintext())
		return &keyservice.EncryptResponse{Ciphertext: []byte(key.EncryptedKey)}, err
	case *keyservice.Key_PgpKey:
		var out bytes.Buffer
		w, err := armor.Encode(&out, "PGP MESSAGE", nil)
		if err != nil {
			return nil, err
		}
		plain, err := openpgp.Encrypt(w, []*openpgp.Entity{s[k.PgpKey.Fingerprint]}, nil, nil, nil)
		if err != nil {
			return nil, err
		}
		if _, err := plain.Write(req.GetPlaintext()); err != nil {
			return nil, err
		}
		if err := plain.Close(); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		return &keyservice.EncryptResponse{Ciphertext: out.Bytes()}, nil
	}
	if _, ok := req.GetKey().GetKeyType().(*keyservice.Key_VaultKey); ok {
		return keyservice.Server{}.Encrypt(context.Background(), req)
	}
	return &keyservice.EncryptResponse{Ciphertext: []byte("only the key service can open this")}, nil
}

// Decrypt refuses.
func (service) Decrypt(context.Context, *keyservice.DecryptRequest, ...grpc.CallOption) (*keyservice.DecryptResponse, error) {
	return nil, fmt.Errorf("nothing is decrypted here")
}
