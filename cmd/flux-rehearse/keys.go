package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
)

// decryptionKeys are the keys that the user gives, by flag and environment. They
// stand for the Secrets of keys that clusters hold and repositories do not.
func (o *options) decryptionKeys() (sops.Keys, error) {
	var all sops.Keys
	for _, name := range o.keys {
		info, err := os.Stat(name)
		if err != nil {
			return all, usagef("cannot read --decryption-keys %q: no such file or folder", name)
		}
		read := keyFile
		if info.IsDir() {
			read = keyFolder
		}
		keys, err := read(name)
		if err != nil {
			return all, usagef("--decryption-keys %q: %v", name, err)
		}
		if keys.IsEmpty() {
			return all, usagef("--decryption-keys %q holds no age and no PGP key", name)
		}
		all = all.With(keys)
	}
	keys, err := environmentKeys(os.Getenv)
	return all.With(keys).With(sops.Keys{Services: !o.offline}), err
}

// keyFolder reads what a Secret of keys looks like when it is mounted.
func keyFolder(dir string) (sops.Keys, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return sops.Keys{}, errors.New("the folder cannot be read")
	}
	var all sops.Keys
	for _, e := range entries {
		if !slices.Contains([]string{sops.AgeExtension, sops.PGPExtension}, filepath.Ext(e.Name())) {
			continue
		}
		keys, err := keyFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return all, err
		}
		all = all.With(keys)
	}
	return all, nil
}

// keyFile reads one file: by its extension, else by its content.
func keyFile(name string) (sops.Keys, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return sops.Keys{}, errors.New("the file cannot be read")
	}
	ext := filepath.Ext(name)
	if ext == sops.AgeExtension || ext != sops.PGPExtension && bytes.Contains(data, []byte("AGE-SECRET-KEY-")) {
		return sops.AgeKeys(string(data))
	}
	return sops.PGPKeys(data)
}

// environmentKeys reads the variables that sops itself reads, as far as they
// hold keys or name files of them.
func environmentKeys(get func(string) string) (sops.Keys, error) {
	var all sops.Keys
	if text := get("SOPS_AGE_KEY"); text != "" {
		keys, err := sops.AgeKeys(perLine(text))
		if err != nil {
			return all, usagef("SOPS_AGE_KEY: %v", err)
		}
		all = all.With(keys)
	}
	if name := get("SOPS_AGE_KEY_FILE"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			return all, usagef("cannot read SOPS_AGE_KEY_FILE %q: no such file", name)
		}
		keys, err := sops.AgeKeys(string(data))
		if err != nil {
			return all, usagef("SOPS_AGE_KEY_FILE %q: %v", name, err)
		}
		all = all.With(keys)
	}
	if home := get("GNUPGHOME"); home != "" {
		keys, err := keyring(home)
		if err != nil {
			return all, err
		}
		all = all.With(keys)
	}
	return all, nil
}

// perLine puts every key of a variable on a line of its own.
func perLine(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.Fields(line)...)
		}
	}
	return strings.Join(out, "\n")
}

// keyring reads the secret keyring of a GnuPG home. GnuPG keeps keys in another
// form since version 2.1, which it alone can read.
func keyring(home string) (sops.Keys, error) {
	data, err := os.ReadFile(filepath.Join(home, "secring.gpg"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return sops.Keys{}, nil
	}
	if err != nil {
		return sops.Keys{}, usagef("cannot read secring.gpg of GNUPGHOME %q", home)
	}
	keys, err := sops.PGPKeys(data)
	if err != nil {
		return sops.Keys{}, usagef("GNUPGHOME %q: secring.gpg holds no PGP key", home)
	}
	return keys, nil
}
