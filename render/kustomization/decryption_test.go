package kustomization

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops/sopstest"
)

const decryption = "  decryption:\n    provider: sops\n    secretRef: {name: keys}\n"

// keySecret is the Secret of keys as a second document of ks.yaml.
func keySecret(entries map[string]string) string {
	var b strings.Builder
	b.WriteString("---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: flux-system}\nstringData:\n")
	for name, text := range entries {
		fmt.Fprintf(&b, "  %s: |\n    %s\n", name, strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    "))
	}
	return b.String()
}

// content renders as kind/name and the leaves of data, stringData and spec.
func contents(objects []*render.Object) []string {
	var out []string
	for _, o := range objects {
		for _, field := range []string{"data", "stringData"} {
			for k, v := range loose.Of(o.Object[field]) {
				text := fmt.Sprint(v)
				if raw, err := base64.StdEncoding.DecodeString(text); err == nil && field == "data" && o.GetKind() == "Secret" {
					text = string(raw)
				}
				out = append(out, o.GetKind()+"/"+o.GetName()+" "+k+"="+text)
			}
		}
	}
	slices.Sort(out)
	return out
}

// encryptedFleet is a folder with every place where something may be encrypted.
func encryptedFleet(t *testing.T, o sopstest.Options) map[string]string {
	partly := o
	partly.EncryptedRegex = "^(data|stringData)$"
	secret := func(name, values string) string {
		return sopstest.Encrypt(t, "apiVersion: v1\nkind: Secret\nmetadata:\n    name: "+name+"\nstringData:\n"+values, sops.YAML, partly)
	}
	return map[string]string{
		"app/kustomization.yaml": `resources: [secret.yaml, map.yaml, target.yaml, plain.yaml, values.yaml, docker.yaml]
components: [more]
generatorOptions: {disableNameSuffixHash: true}
secretGenerator:
- name: env
  envs: [db.env, plain.env]
- name: files
  files: [conf.yaml, renamed.json=conf.raw, app.ini, blob.bin]
configMapGenerator:
- name: untouched
  files: [other.yaml]
patches:
- path: patch.yaml
`,
		"app/more/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ngeneratorOptions: {disableNameSuffixHash: true}\nsecretGenerator:\n- name: more\n  envs: [more.env]\n",
		"app/more/more.env":           sopstest.Encrypt(t, "M=more\n", sops.Dotenv, o),
		"app/secret.yaml":             secret("whole", "    a: hunter2\n    n: 7\n"),
		"app/docker.yaml":             secret("docker", "    .dockerconfigjson: '{\"auths\":{\"x\":1}}'\n"),
		"app/map.yaml":                sopstest.Encrypt(t, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: map\ndata:\n    pin: abc\n", sops.YAML, partly),
		"app/target.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: target\n",
		"app/plain.yaml":              "apiVersion: v1\nkind: Secret\nmetadata:\n  name: plain\ndata:\n  digits: 12345678\n  keep: aGVsbG8=\n",
		"app/values.yaml":             "apiVersion: v1\nkind: Secret\nmetadata:\n  name: values\ndata:\n  text: " + base64.StdEncoding.EncodeToString([]byte(sopstest.Encrypt(t, "inner", sops.Binary, o))) + "\n",
		"app/db.env":                  sopstest.Encrypt(t, "PASS=hunter3\n", sops.Dotenv, o),
		"app/plain.env":               "OPEN=yes\n",
		"app/conf.yaml":               sopstest.Encrypt(t, "top: hunter4\n", sops.YAML, o),
		"app/conf.raw":                sopstest.Encrypt(t, "{\"j\": \"hunter5\"}", sops.JSON, o),
		"app/app.ini":                 sopstest.Encrypt(t, "[db]\npass = hunter6\n", sops.INI, o),
		"app/blob.bin":                sopstest.Encrypt(t, "hunter7", sops.Binary, o),
		"app/other.yaml":              "mac: ENC[is no mark here]\n",
		"app/patch.yaml":              sopstest.Encrypt(t, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: target\ndata:\n    patched: xyz\n", sops.YAML, partly),
	}
}

var decrypted = []string{
	"ConfigMap/map pin=abc", "ConfigMap/target patched=xyz", "ConfigMap/untouched other.yaml=mac: ENC[is no mark here]\n",
	"Secret/docker .dockerconfigjson={\"auths\":{\"x\":1}}", "Secret/env OPEN=yes", "Secret/env PASS=hunter3",
	"Secret/files app.ini=[db]\npass = hunter6\n", "Secret/files blob.bin=hunter7", "Secret/files conf.yaml=top: hunter4\n",
	"Secret/files renamed.json={\n\t\"j\": \"hunter5\"\n}\n", "Secret/more M=more",
	"Secret/plain digits=\xd7m\xf8\xe7\xae\xfc", "Secret/plain keep=hello", "Secret/values text=inner",
	"Secret/whole a=hunter2", "Secret/whole n=7",
}

func TestDecryption(t *testing.T) {
	age, pgp := sopstest.AgeKey(t), sopstest.PGPKey(t)
	local, err := sops.AgeKeys(age.Private)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		reason string
		secret string
		keys   sops.Keys
		o      sopstest.Options
	}{
		"age":             {"age keys of the Secret", keySecret(map[string]string{"a.agekey": age.Private}), sops.Keys{}, sopstest.For(age)},
		"pgp":             {"PGP keys of the Secret", keySecret(map[string]string{"a.asc": pgp.Private}), sops.Keys{}, sopstest.For(pgp)},
		"keys of a user":  {"they stand for a Secret that is not at hand", "", local, sopstest.For(age)},
		"broken MAC":      {"nobody verifies it", keySecret(map[string]string{"a.agekey": age.Private}), sops.Keys{}, sopstest.Options{Groups: [][]sopstest.Key{{age}}, BreakMAC: true}},
		"encrypted again": {"keys of a user also stand for a Secret that is itself encrypted", strings.Replace(keySecret(map[string]string{"a.agekey": "ENC[]"}), "keys,", "keys, annotations: {test/unsure: x},", 1), local, sopstest.For(age)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := encryptedFleet(t, test.o)
			files["ks.yaml"] = ownerFile + decryption + test.secret
			f := newFleet(t, files)
			f.keys = test.keys
			got := f.render()
			if got.State != render.Rendered || len(got.Problems) > 0 {
				t.Fatalf("%s: %s %s %v", test.reason, got.State, got.Ready.Message, got.Problems)
			}
			if diff := cmp.Diff(decrypted, contents(got.Applies)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
			for _, o := range got.Applies {
				want := map[string][]string{"map": {"/data/pin"}, "target": {"/data/patched"}}[o.GetName()]
				if o.GetKind() == "ConfigMap" && !slices.Equal(o.Origin.Hidden, want) || o.Origin.Encrypted {
					t.Errorf("%s: hidden %v, want %v, encrypted %v", o.Ref(), o.Origin.Hidden, want, o.Origin.Encrypted)
				}
			}
			slices.Sort(f.seen)
			want := []string{"7", "abc", "hunter2", "hunter3", "hunter4", "hunter5", "hunter6", "hunter7", "inner", "more", "xyz", "{\"auths\":{\"x\":1}}"}
			if diff := cmp.Diff(want, f.seen); diff != "" {
				t.Errorf("values brought to light (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlaceholders(t *testing.T) {
	age := sopstest.AgeKey(t)
	wrong, err := sops.AgeKeys(sopstest.AgeKey(t).Private)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		reason, secret, why string
		keys                sops.Keys
		o                   sopstest.Options
	}{
		"no key":              {"nothing is known", "", "its key is not at hand", sops.Keys{}, sopstest.For(age)},
		"wrong key of a user": {"the cluster may have the right one", "", "its key is not at hand", wrong, sopstest.For(age)},
		"key service": {"nothing is dialled", keySecret(map[string]string{"a.agekey": age.Private}),
			"its key is in a key service that needs the network", sops.Keys{}, sopstest.For(sopstest.Key{})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := encryptedFleet(t, test.o)
			files["ks.yaml"] = ownerFile + decryption + test.secret
			f := newFleet(t, files)
			f.keys = test.keys
			got := f.render()
			if got.State != render.Rendered {
				t.Fatalf("%s: %s %s", test.reason, got.State, got.Ready.Message)
			}
			var keys, marked []string
			for _, line := range contents(got.Applies) {
				name, value, _ := strings.Cut(line, "=")
				if strings.Contains(value, "notdecrypted") || value == "{}" || value == "1" {
					keys = append(keys, name)
				}
			}
			want := []string{"ConfigMap/map pin", "ConfigMap/target patched", "Secret/docker .dockerconfigjson", "Secret/env PASS",
				"Secret/files app.ini", "Secret/files blob.bin", "Secret/files conf.yaml", "Secret/files renamed.json",
				"Secret/more M", "Secret/values text", "Secret/whole a", "Secret/whole n"}
			if diff := cmp.Diff(want, keys); diff != "" {
				t.Errorf("placeholders (-want +got):\n%s", diff)
			}
			for _, o := range got.Applies {
				if o.Origin.Encrypted {
					marked = append(marked, o.GetName())
				}
				if _, ok := o.Object["sops"]; ok {
					t.Errorf("%s still has its metadata", o.Ref())
				}
			}
			slices.Sort(marked)
			if diff := cmp.Diff([]string{"docker", "env", "files", "map", "more", "target", "values", "whole"}, marked); diff != "" {
				t.Errorf("objects that count as unknown (-want +got):\n%s", diff)
			}
			for _, p := range got.Problems {
				if p.Reason == "secret-encrypted" && !strings.Contains(p.Message, test.why) {
					t.Errorf("%s: %s", test.reason, p.Message)
				}
			}
		})
	}
}

func TestDecryptionFails(t *testing.T) {
	age := sopstest.AgeKey(t)
	keys := keySecret(map[string]string{"a.agekey": age.Private})
	secret := sopstest.Encrypt(t, "apiVersion: v1\nkind: Secret\nmetadata:\n    name: s\nstringData:\n    a: hunter2\n", sops.YAML,
		sopstest.Options{Groups: [][]sopstest.Key{{age}}, EncryptedRegex: "^stringData$"})
	yaml := sopstest.Encrypt(t, "a: hunter2\n", sops.YAML, sopstest.For(age))
	tests := map[string]struct {
		reason, flux     string
		files            map[string]string
		problem, message string
	}{
		"wrong key": {"the Secret has all keys that the controller has", decryption + keySecret(map[string]string{"a.agekey": sopstest.AgeKey(t).Private}),
			map[string]string{"app/s.yaml": secret}, "decryption-failed app/s.yaml:", "decryption failed for 'Secret.v1.[noGrp]/s': failed to decrypt and format '/s' Secret data: cannot get sops data key: Failed"},
		"no reference": {"the controller itself has no key", "  decryption: {provider: sops}\n",
			map[string]string{"app/s.yaml": secret}, "decryption-failed app/s.yaml:", "decryption failed for 'Secret.v1.[noGrp]/s': failed to decrypt and format '/s' Secret data: cannot get sops data key: Failed"},
		"broken key": {"the controller's text", decryption + keySecret(map[string]string{"a.agekey": "nothing"}),
			map[string]string{"app/s.yaml": secret}, "decryption-key-invalid ks.yaml:13:23",
			"failed to import 'a.agekey' data from sops decryption Secret 'flux-system/keys': failed to parse and add to age identities: unknown identity type"},
		"missing file": {"decryption looks for it before the build does", decryption + keys,
			map[string]string{"app/kustomization.yaml": "secretGenerator:\n- name: g\n  envs: [no.env]\n"}, "generator-file-missing app/kustomization.yaml:3:10",
			"error decrypting sources: lstat app/no.env: no such file or directory"},
		"missing patch": {"the same", decryption + keys,
			map[string]string{"app/kustomization.yaml": "patches:\n- path: no.yaml\n"}, "patch-file-missing app/kustomization.yaml:2:9",
			"error decrypting sources: lstat app/no.yaml: no such file or directory"},
		"a folder": {"it is no file", decryption + keys,
			map[string]string{"app/kustomization.yaml": "secretGenerator:\n- name: g\n  files: [sub]\n", "app/sub/x": ""}, "decryption-failed app/kustomization.yaml:3:11",
			"error decrypting sources: cannot decrypt irregular file as it has file mode type bits set"},
		"no kustomization": {"the walk meets it before the build does", decryption + keys,
			map[string]string{"app/kustomization.yaml": "resources: [sub]\n", "app/sub/x.yaml": ""}, "kustomization-file-missing app/kustomization.yaml:1:13",
			"error decrypting sources: no kustomization file found"},
		"two kustomizations": {"the walk meets them before the build does", decryption + keys,
			map[string]string{"app/kustomization.yaml": "resources: [sub]\n", "app/sub/kustomization.yaml": "", "app/sub/kustomization.yml": ""},
			"decryption-failed app/kustomization.yaml:1:13", "error decrypting sources: found multiple kustomization files"},
		"too large": {"encrypted or not", decryption + keys,
			map[string]string{"app/kustomization.yaml": "secretGenerator:\n- name: g\n  files: [big]\n", "app/big": strings.Repeat("a", 5<<20+1)}, "decryption-failed app/kustomization.yaml:3:11",
			"error decrypting sources: cannot decrypt file with size (5242881 bytes) exceeding limit (5242880)"},
		"other output": {"the key of a value decides how it is written", decryption + keys,
			map[string]string{"app/kustomization.yaml": "secretGenerator:\n- name: g\n  files: [raw=conf.yaml]\n  options: {disableNameSuffixHash: true}\n", "app/conf.yaml": yaml},
			"decryption-failed app/kustomization.yaml:2:3",
			"decryption failed for 'Secret.v1.[noGrp]/g': failed to decrypt and format '/g' Secret field 'raw': failed to emit encrypted YAML file as decrypted binary: error emitting binary store: no binary data found in tree"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.files["ks.yaml"] = ownerFile + test.flux
			got := newFleet(t, test.files).render()
			if got.State != render.Failed || got.Ready.Reason != "BuildFailed" || !strings.HasPrefix(got.Ready.Message, test.message) {
				t.Errorf("%s: %s %s\n%s\nwant\n%s", test.reason, got.State, got.Ready.Reason, got.Ready.Message, test.message)
			}
			if found := lines(got.Problems); len(found) != 1 || !strings.HasPrefix(found[0], test.problem) {
				t.Errorf("%s: problems %v, want %s", test.reason, found, test.problem)
			}
			if strings.Contains(got.Ready.Message, "hunter2") || strings.Contains(got.Ready.Message, "AGE-SECRET") {
				t.Errorf("a secret is in the text: %s", got.Ready.Message)
			}
		})
	}
}

func TestNotDecrypted(t *testing.T) {
	age := sopstest.AgeKey(t)
	keys := keySecret(map[string]string{"a.agekey": age.Private})
	o := sopstest.Options{Groups: [][]sopstest.Key{{age}}, EncryptedRegex: "^(data|stringData)$"}
	with := func(meta, field string) string {
		return sopstest.Encrypt(t, "apiVersion: v1\nkind: Secret\nmetadata:\n    name: s\n"+meta+field+":\n    a: aGVsbG8=\n", sops.YAML, o)
	}
	generator := map[string]string{"app/kustomization.yaml": "secretGenerator:\n- name: g\n  envs: [a.env]\n", "app/a.env": sopstest.Encrypt(t, "A=b\n", sops.Dotenv, sopstest.For(age))}
	tests := map[string]struct {
		reason, flux string
		files        map[string]string
		problem, end string
	}{
		"stringData":     {"the encrypted text is applied", "", map[string]string{"app/s.yaml": with("", "stringData")}, "sops-without-decryption app/s.yaml:", "the encrypted text is applied as it is"},
		"data":           {"what is no base64 keeps the guard of the controller", "", map[string]string{"app/s.yaml": with("", "data")}, "sops-without-decryption app/s.yaml:", "the controller refuses it"},
		"generator":      {"its keys and values are applied", "", generator, "sops-without-decryption app/a.env:", "the encrypted text is applied as it is"},
		"opted out":      {"an annotation in any case of letters", decryption + keys, map[string]string{"app/s.yaml": with("    annotations: {kustomize.toolkit.fluxcd.io/decrypt: Disabled}\n", "stringData")}, "", ""},
		"other provider": {"there is only one", "  decryption: {provider: other}\n", map[string]string{"app/s.yaml": with("", "stringData")}, "sops-without-decryption app/s.yaml:", "the encrypted text is applied as it is"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.files["ks.yaml"] = ownerFile + test.flux
			got := newFleet(t, test.files).render()
			if got.State != render.Rendered || !strings.Contains(fmt.Sprint(contents(got.Applies)), "ENC[") {
				t.Errorf("%s: %s %s %v", test.reason, got.State, got.Ready.Message, contents(got.Applies))
			}
			if found := strings.Join(lines(got.Problems), " "); !strings.HasPrefix(found, test.problem) || test.problem == "" && found != "" {
				t.Errorf("%s: problems %s, want %s", test.reason, found, test.problem)
			}
			if len(got.Problems) > 0 && !strings.HasSuffix(got.Problems[0].Message, test.end) {
				t.Errorf("%s: %s", test.reason, got.Problems[0].Message)
			}
		})
	}
}

func TestGlobalAgeSecret(t *testing.T) {
	age := sopstest.AgeKey(t)
	f := newFleet(t, map[string]string{
		"ks.yaml": strings.Replace(ownerFile, "namespace: flux-system", "namespace: team", 1) + "  decryption: {provider: sops}\n" +
			keySecret(map[string]string{"a.agekey": age.Private, "b.asc": "nothing"}),
		"app/kustomization.yaml": "secretGenerator:\n- name: g\n  envs: [a.env]\n",
		"app/a.env":              sopstest.Encrypt(t, "A=hello\n", sops.Dotenv, sopstest.For(age)),
	})
	f.held[finding.Ref{Kind: "GitRepository", Group: "source.toolkit.fluxcd.io", Namespace: "team", Name: "repo"}] = nil
	f.in.Settings.SOPSAgeSecret = "keys"
	got := f.render()
	if got.State != render.Rendered || !strings.HasSuffix(fmt.Sprint(contents(got.Applies)), " A=hello]") {
		t.Errorf("age keys of --sops-age-secret open it, other entries are not looked at: %s %s %v", got.State, got.Ready.Message, contents(got.Applies))
	}
}
