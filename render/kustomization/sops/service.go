package sops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/keyservice"
	"google.golang.org/grpc"
)

// service unlocks data keys with the keys alone.
type service struct{ keys Keys }

// patience is how long a key service may take to answer.
const patience = 20 * time.Second

// Decrypt unlocks a data key.
func (s service) Decrypt(ctx context.Context, req *keyservice.DecryptRequest, _ ...grpc.CallOption) (*keyservice.DecryptResponse, error) {
	var plain []byte
	var err error
	switch k := req.GetKey().GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		plain, err = s.keys.openAge(k.AgeKey.Recipient, string(req.GetCiphertext()))
	case *keyservice.Key_PgpKey:
		plain, err = s.keys.openPGP(req.GetCiphertext())
	default:
		if s.keys.Services && trusted(req.GetKey()) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return keyservice.Server{}.Decrypt(ctx, req)
		}
		err = ErrRemote
	}
	if err != nil {
		return nil, err
	}
	return &keyservice.DecryptResponse{Plaintext: plain}, nil
}

// Encrypt refuses.
func (service) Encrypt(context.Context, *keyservice.EncryptRequest, ...grpc.CallOption) (*keyservice.EncryptResponse, error) {
	return nil, errors.New("nothing is encrypted here")
}

// azureVaults end the names of the hosts of Azure Key Vault.
var azureVaults = []string{".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net"}

// trusted reports whether the service that a file names may see the credentials
// of the environment: a pull request could name one of its own.
func trusted(key *keyservice.Key) bool {
	switch k := key.GetKeyType().(type) {
	case *keyservice.Key_VaultKey:
		return k.VaultKey.VaultAddress != "" && k.VaultKey.VaultAddress == os.Getenv("VAULT_ADDR")
	case *keyservice.Key_AzureKeyvaultKey:
		u, err := url.Parse(k.AzureKeyvaultKey.VaultUrl)
		return err == nil && u.Scheme == "https" && slices.ContainsFunc(azureVaults, func(end string) bool { return strings.HasSuffix(u.Host, end) })
	}
	return true
}

// openAge opens a data key that is encrypted for an age key.
func (k Keys) openAge(recipient, message string) ([]byte, error) {
	// Without identities the library would look for some on this machine.
	if len(k.identities) == 0 {
		//lint:ignore ST1005 the words of the library
		return nil, errors.New(noIdentities)
	}
	key := sopsage.MasterKey{Recipient: recipient, EncryptedKey: message}
	k.identities.ApplyToMasterKey(&key)
	return key.Decrypt()
}

// noIdentities is what the controller says when it has no age key at all, with
// the places where it looks: its user's home is the root folder.
const noIdentities = "failed to load age identities. Did not find keys in locations " +
	"'SOPS_AGE_SSH_PRIVATE_KEY_FILE', 'SOPS_AGE_SSH_PRIVATE_KEY_CMD', '/.ssh/id_ed25519', '/.ssh/id_rsa', " +
	"'SOPS_AGE_KEY', 'SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY_CMD', and '/.config/sops/age/keys.txt'."

// missingPlugin is an age identity of a plugin, a program that the image of the
// controller does not hold and that is never started here.
type missingPlugin struct{ name string }

// Unwrap fails as it does where the program is not installed.
func (p missingPlugin) Unwrap([]*age.Stanza) ([]byte, error) {
	return nil, fmt.Errorf("%s plugin: couldn't start plugin: exec: %q: executable file not found in $PATH", p.name, "age-plugin-"+p.name)
}

// algorithms are the names that GnuPG gives to algorithms of public keys.
var algorithms = map[packet.PublicKeyAlgorithm]string{
	packet.PubKeyAlgoRSA: "RSA", packet.PubKeyAlgoRSAEncryptOnly: "RSA", packet.PubKeyAlgoElGamal: "ELG", packet.PubKeyAlgoECDH: "ECDH",
}

// recipients names the keys that a PGP message is encrypted for, as GnuPG does.
func recipients(message []byte) string {
	var out strings.Builder
	packets := packet.NewReader(bytes.NewReader(message))
	for {
		p, err := packets.Next()
		if err != nil {
			return out.String()
		}
		k, ok := p.(*packet.EncryptedKey)
		if !ok {
			return out.String()
		}
		if name, known := algorithms[k.Algo]; known {
			fmt.Fprintf(&out, "gpg: encrypted with %s key, ID %016X\n", name, k.KeyId)
		}
	}
}
