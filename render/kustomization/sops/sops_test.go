package sops_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops/sopstest"
)

func keysOf(t *testing.T, keys ...sopstest.Key) sops.Keys {
	t.Helper()
	out := sops.Keys{}
	for _, k := range keys {
		read := func() (sops.Keys, error) { return sops.AgeKeys(k.Private) }
		if strings.Contains(k.Private, "PGP") {
			read = func() (sops.Keys, error) { return sops.PGPKeys([]byte(k.Private)) }
		}
		one, err := read()
		if err != nil {
			t.Fatal(err)
		}
		out = out.With(one)
	}
	return out
}

// files are plain files that every store writes as it reads them.
var files = map[string]struct {
	format sops.Format
	plain  string
	leaves []string
}{
	"yaml": {sops.YAML, "a: hunter2\ncount: 7\nlist:\n    - true\n    - 1.5\nopen_unencrypted: seen\n", []string{"/a=hunter2", "/count=7", "/list/0=true", "/list/1=1.5"}},
	"json": {sops.JSON, "{\n\t\"a\": \"hunter2\",\n\t\"n\": 7\n}\n", []string{"/a=hunter2", "/n=7"}},
	"env":  {sops.Dotenv, "A=hunter2\nB=two words\n", []string{"/A=hunter2", "/B=two words"}},
	"ini":  {sops.INI, "[db]\npass = hunter2\n", []string{"/db/pass=hunter2"}},
	"bin":  {sops.Binary, "\x01hunter2\nend", []string{"/data=\x01hunter2\nend"}},
}

func TestDecryptEveryFormatWithEveryKey(t *testing.T) {
	age, pgp := sopstest.AgeKey(t), sopstest.PGPKey(t)
	options := map[string]struct {
		reason string
		o      sopstest.Options
		keys   sops.Keys
	}{
		"age":                 {"an age key", sopstest.For(age), keysOf(t, age)},
		"pgp":                 {"a PGP key, without GnuPG", sopstest.For(pgp), keysOf(t, pgp)},
		"one of two":          {"any key of a group opens it", sopstest.For(sopstest.AgeKey(t), pgp), keysOf(t, pgp)},
		"cloud or age":        {"a key at hand makes the key service unnecessary", sopstest.For(sopstest.Key{}, age), keysOf(t, age)},
		"two groups":          {"shares of a key from two groups", sopstest.Options{Groups: [][]sopstest.Key{{age}, {pgp}}, Threshold: 2}, keysOf(t, age, pgp)},
		"two of three groups": {"as many groups as the threshold says", sopstest.Options{Groups: [][]sopstest.Key{{age}, {pgp}, {sopstest.AgeKey(t)}}, Threshold: 2}, keysOf(t, age, pgp)},
		"mac_only_encrypted": {"the MAC is over encrypted values only",
			sopstest.Options{Groups: [][]sopstest.Key{{age}}, MACOnlyEncrypted: true}, keysOf(t, age)},
		"broken MAC": {"the controller does not verify it", sopstest.Options{Groups: [][]sopstest.Key{{age}}, BreakMAC: true}, keysOf(t, age)},
	}
	for name, test := range options {
		for form, file := range files {
			t.Run(name+"/"+form, func(t *testing.T) {
				data := []byte(sopstest.Encrypt(t, file.plain, file.format, test.o))
				if strings.Contains(string(data), "hunter2") || !sops.IsEncrypted(data, file.format) {
					t.Fatalf("not encrypted: %s", data)
				}
				got, err := test.keys.Decrypt(data, file.format, file.format)
				if err != nil {
					t.Fatalf("%s: %v", test.reason, err)
				}
				if diff := cmp.Diff(file.plain, string(got.Data)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", test.reason, diff)
				}
				var leaves []string
				for _, l := range got.Leaves {
					leaves = append(leaves, "/"+strings.Join(l.Path, "/")+"="+l.Text)
				}
				if diff := cmp.Diff(file.leaves, leaves); diff != "" {
					t.Errorf("values that were encrypted (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestEncryptedParts(t *testing.T) {
	age := sopstest.AgeKey(t)
	const plain = "data:\n    a: hunter2\nkind: Secret\n"
	for name, o := range map[string]sopstest.Options{
		"encrypted_regex":  {Groups: [][]sopstest.Key{{age}}, EncryptedRegex: "^data$"},
		"encrypted_suffix": {Groups: [][]sopstest.Key{{age}}, EncryptedSuffix: "data"},
	} {
		data := sopstest.Encrypt(t, plain, sops.YAML, o)
		if !strings.Contains(data, "kind: Secret") {
			t.Fatalf("%s: everything is encrypted:\n%s", name, data)
		}
		got, err := keysOf(t, age).Decrypt([]byte(data), sops.YAML, sops.YAML)
		if err != nil || string(got.Data) != plain || len(got.Leaves) != 1 {
			t.Errorf("%s: %v, %d values, %s", name, err, len(got.Leaves), got.Data)
		}
	}
}

func TestDecryptFails(t *testing.T) {
	age, pgp, other := sopstest.AgeKey(t), sopstest.PGPKey(t), sopstest.PGPKey(t)
	encrypted := sopstest.Encrypt(t, "a: hunter2\n", sops.YAML, sopstest.For(age))
	certain := func(k sops.Keys) sops.Keys { k.Certain = true; return k }
	tests := map[string]struct {
		reason  string
		keys    sops.Keys
		data    string
		in, out sops.Format
		is      error
		want    string
	}{
		"wrong age key": {"the controller's text", certain(keysOf(t, sopstest.AgeKey(t))), encrypted, sops.YAML, sops.YAML, nil,
			"cannot get sops data key: Failed to get the data key required to decrypt the SOPS file.\n\nGroup 0: FAILED\n  " + age.Public + ": FAILED\n" +
				"    - | failed to create reader for decrypting sops data key with\n      | age: identity did not match any of the recipients: incorrect\n      | identity for recipient block\n"},
		"no key at all": {"the places that the controller looks at", sops.Keys{Certain: true}, encrypted, sops.YAML, sops.YAML, nil,
			"    - | failed to load age identities. Did not find keys in\n"},
		"wrong PGP key": {"the words of GnuPG", certain(keysOf(t, other)), sopstest.Encrypt(t, "a: x\n", sops.YAML, sopstest.For(pgp)), sops.YAML, sops.YAML, nil,
			"gpg: decryption failed: No secret key"},
		"wrong key of the user": {"the cluster may have another one", keysOf(t, sopstest.AgeKey(t)), encrypted, sops.YAML, sops.YAML, sops.ErrNotAtHand, ""},
		"key service":           {"nothing is dialled", certain(keysOf(t, age)), sopstest.Encrypt(t, "a: x\n", sops.YAML, sopstest.For(sopstest.Key{})), sops.YAML, sops.YAML, sops.ErrRemote, ""},
		"plugin":                {"no program is started", certain(keysOf(t, sopstest.PluginKey())), encrypted, sops.YAML, sops.YAML, nil, "nobody plugin: couldn't start plugin: exec:"},
		"no SOPS": {"the text of the store", sops.Keys{Certain: true}, "a: b\n", sops.YAML, sops.YAML, nil,
			"failed to load encrypted YAML data: sops metadata not found"},
		"output without data": {"a binary file has one value", certain(keysOf(t, age)), encrypted, sops.YAML, sops.Binary, nil,
			"failed to emit encrypted YAML file as decrypted binary: "},
		"plain value": {"what should be encrypted and is not stays out of the text", certain(keysOf(t, age)),
			strings.Replace(encrypted, "a: ENC", "b: hunter2\na: ENC", 1), sops.YAML, sops.YAML, nil,
			"error decrypting sops tree: Error walking tree: Could not decrypt value: Input string <redacted> does not match sops' data format"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.keys.Decrypt([]byte(test.data), test.in, test.out)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || test.is == nil && errors.Is(err, sops.ErrNotAtHand) {
				t.Fatalf("%s: %v", test.reason, err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got\n%s\nwant\n%s", test.reason, err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: the value is in the text: %s", test.reason, err)
			}
		})
	}
}

func TestNewKeys(t *testing.T) {
	age, pgp, second := sopstest.AgeKey(t), sopstest.PGPKey(t), sopstest.PGPKey(t)
	tests := map[string]struct {
		reason string
		data   map[string]string
		opens  []sopstest.Key
		want   string
	}{
		"both":           {"kinds by extension, comments are left out", map[string]string{"a.agekey": "# public\n\n" + age.Private + "\n", "b.asc": pgp.Private}, []sopstest.Key{age, pgp}, ""},
		"two in a file":  {"all blocks are read", map[string]string{"b.asc": pgp.Private + "\n" + second.Private}, []sopstest.Key{pgp, second}, ""},
		"other names":    {"they are no keys", map[string]string{"identity": age.Private, "sops.vault-token": "x"}, nil, ""},
		"no age key":     {"the controller's text", map[string]string{"a.agekey": "nothing"}, nil, "failed to import 'a.agekey' data from here: failed to parse and add to age identities: unknown identity type"},
		"broken age key": {"the key is not in the text", map[string]string{"a.agekey": age.Private[:40]}, nil, "failed to import 'a.agekey' data from here: failed to parse and add to age identities: malformed secret key: "},
		"no PGP key": {"the words of GnuPG", map[string]string{"a.asc": "nothing"}, nil,
			"failed to import 'a.asc' data from here: failed to import armored key data into GnuPG keyring (exit status 2): gpg: no valid OpenPGP data found.\ngpg: Total number processed: 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{}
			for k, v := range test.data {
				data[k] = []byte(v)
			}
			keys, err := sops.NewKeys(data, "here")
			if test.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), age.Private[:40]) {
					t.Errorf("%s: %v", test.reason, err)
				}
				return
			}
			if err != nil || keys.IsEmpty() != (len(test.opens) == 0) {
				t.Fatalf("%s: %v", test.reason, err)
			}
			for _, k := range test.opens {
				file := sopstest.Encrypt(t, "a: x\n", sops.YAML, sopstest.For(k))
				if _, err := keys.Decrypt([]byte(file), sops.YAML, sops.YAML); err != nil {
					t.Errorf("%s: %v", test.reason, err)
				}
			}
		})
	}
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]sops.Format{
		"a.yaml": sops.YAML, "a.yml": sops.YAML, "a.json": sops.JSON, "a.env": sops.Dotenv, "a.ini": sops.INI, "a.txt": sops.Binary,
		"a": sops.Binary, ".dockerconfigjson": sops.JSON, "x/my.dockerconfigjson": sops.JSON,
	} {
		if got := sops.FormatOf(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	age := sopstest.AgeKey(t)
	for name, file := range files {
		got, ok := sops.Detect([]byte(sopstest.Encrypt(t, file.plain, file.format, sopstest.For(age))))
		want := file.format
		if want == sops.Binary {
			want = sops.JSON // the same while encrypted
		}
		if !ok || got != want {
			t.Errorf("%s: got %v %v, want %v", name, got, ok, want)
		}
	}
	if _, ok := sops.Detect([]byte("plain: text\n")); ok {
		t.Error("a plain text counts as encrypted")
	}
}

func TestLocked(t *testing.T) {
	age := sopstest.AgeKey(t)
	for name, file := range files {
		encrypted := []byte(sopstest.Encrypt(t, file.plain, file.format, sopstest.For(age)))
		got, err := sops.Locked(encrypted, file.format)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := string(got); strings.Contains(text, "ENC[") || strings.Contains(text, "sops") || !strings.Contains(text, "notdecrypted") {
			t.Errorf("%s: want placeholders and no metadata, got\n%s", name, got)
		}
	}
	yaml := sopstest.Encrypt(t, files["yaml"].plain, sops.YAML, sopstest.For(age))
	got, err := sops.Locked([]byte(yaml), sops.YAML)
	if err != nil || !strings.Contains(string(got), "count: 1\nlist:\n    - false\n    - 1\nopen_unencrypted: seen\n") {
		t.Errorf("placeholders have the types of what they stand for, got %v\n%s", err, got)
	}
}
