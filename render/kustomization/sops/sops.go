// Package sops decrypts SOPS files with the keys that it is given, and with no
// others: it looks neither at the environment nor at the home folder of whoever
// runs the program, starts no program, writes no file and dials nobody. It is
// the only importer of getsops/sops.
package sops

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/logging"
	"github.com/sirupsen/logrus"
)

// The library logs every attempt with a key to the standard error stream; what
// matters of it comes back as an error.
func init() { logging.SetLevel(logrus.PanicLevel) }

// ErrNotAtHand says that a key which is not known here may open the file.
var ErrNotAtHand = errors.New("the key is not at hand")

// ErrRemote says that only a key service elsewhere can open the file. It wraps
// ErrNotAtHand.
var ErrRemote = fmt.Errorf("the key is in a key service that needs the network: %w", ErrNotAtHand)

// Format is how a file is encrypted.
type Format = formats.Format

// The formats of SOPS.
const (
	JSON   = formats.Json
	YAML   = formats.Yaml
	Dotenv = formats.Dotenv
	INI    = formats.Ini
	Binary = formats.Binary
)

// MaxFileSize is the number of bytes that an encrypted file may have.
const MaxFileSize = 5 << 20

// FormatOf is the format of a file by its name.
func FormatOf(name string) Format {
	if strings.HasSuffix(path.Base(name), ".dockerconfigjson") {
		return JSON
	}
	return formats.FormatForPath(name)
}

// form is how a format is called and by what its encrypted files are known.
type form struct {
	format       Format
	name, marker string
}

// forms are in the order in which Detect tries them. A binary file is a JSON
// document while it is encrypted.
var forms = []form{
	{JSON, "JSON", `"mac": "ENC[`},
	{Binary, "binary", `"mac": "ENC[`},
	{Dotenv, "dotenv", "sops_mac=ENC["},
	{YAML, "YAML", "mac: ENC["},
	{INI, "INI", "[sops]"},
}

func formOf(f Format) form {
	return forms[slices.IndexFunc(forms, func(one form) bool { return one.format == f })]
}

// IsEncrypted reports whether the content carries the mark of its format.
func IsEncrypted(data []byte, f Format) bool { return bytes.Contains(data, []byte(formOf(f).marker)) }

// Detect finds the format of encrypted content by its mark.
func Detect(data []byte) (Format, bool) {
	for _, f := range forms {
		if bytes.Contains(data, []byte(f.marker)) {
			return f.format, true
		}
	}
	return Binary, false
}

// Plain is what a file holds.
type Plain struct {
	Data []byte
	// Leaves are the values that were encrypted.
	Leaves []Leaf
}

// Leaf is a value of a document.
type Leaf struct {
	Path []string // keys and indices, of the first document
	Text string
}

// Decrypt decrypts a file and writes it in another format. The error wraps
// ErrNotAtHand when a key that is not known here may open it; otherwise it has
// the controller's text. As in the controller the MAC is not verified.
func (k Keys) Decrypt(data []byte, in, out Format) (plain Plain, err error) {
	// Content can make the library panic; the controller recovers likewise.
	defer func() {
		if r := recover(); r != nil {
			plain, err = Plain{}, fmt.Errorf("failed to emit encrypted %s file as decrypted %s: %v", formOf(in).name, formOf(out).name, r)
		}
	}()
	tree, err := load(data, in)
	if err != nil {
		return Plain{}, err
	}
	key, err := tree.Metadata.GetDataKeyWithKeyServices([]keyservice.KeyServiceClient{service{k}}, sops.DefaultDecryptionOrder)
	switch {
	case err != nil && needsNetwork(tree):
		return Plain{}, ErrRemote
	case err != nil && !k.Certain:
		return Plain{}, ErrNotAtHand
	case err != nil:
		return Plain{}, fmt.Errorf("cannot get sops data key: %w", userError(err))
	}
	if _, err := tree.Decrypt(key, aes.NewCipher()); err != nil {
		return Plain{}, fmt.Errorf("error decrypting sops tree: %w", redacted(userError(err)))
	}
	if plain.Data, err = emit(tree, in, out); err != nil {
		return Plain{}, err
	}
	before, err := load(data, in)
	if err != nil {
		return Plain{}, err
	}
	plain.Leaves = changed(before.Branches, tree.Branches)
	return plain, nil
}

func load(data []byte, in Format) (sops.Tree, error) {
	tree, err := common.StoreForFormat(in, config.NewStoresConfig()).LoadEncryptedFile(data)
	if err != nil {
		return sops.Tree{}, fmt.Errorf("failed to load encrypted %s data: %w", formOf(in).name, userError(err))
	}
	return tree, nil
}

func emit(tree sops.Tree, in, out Format) ([]byte, error) {
	data, err := common.StoreForFormat(out, config.NewStoresConfig()).EmitPlainFile(tree.Branches)
	if err != nil {
		return nil, fmt.Errorf("failed to emit encrypted %s file as decrypted %s: %w", formOf(in).name, formOf(out).name, userError(err))
	}
	return data, nil
}

// needsNetwork reports whether a key service elsewhere can open the file.
func needsNetwork(t sops.Tree) bool {
	for _, group := range t.Metadata.KeyGroups {
		for _, key := range group {
			if id := key.TypeToIdentifier(); id != "age" && id != "pgp" {
				return true
			}
		}
	}
	return false
}

func userError(err error) error {
	var u sops.UserError
	if errors.As(err, &u) {
		return errors.New(u.UserError())
	}
	return err
}

// redacted takes the value out of the error for one that is not encrypted,
// although it should be.
func redacted(err error) error {
	const prefix, suffix = "Input string ", " does not match sops' data format"
	text := err.Error()
	start, end := strings.Index(text, prefix), strings.Index(text, suffix)
	if start < 0 || end < 0 {
		return err
	}
	return errors.New(text[:start] + prefix + "<redacted>" + suffix)
}
