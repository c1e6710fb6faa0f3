package kustomization

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// keyring is what spec.decryption brings. Nil means that nothing is decrypted.
type keyring struct {
	keys   sops.Keys
	wanted string            // Secret of keys that is not at hand, until that is stated
	locked map[string]error  // files with placeholders, and why
	opened map[string][]leaf // decrypted files
}

// leaf is a value that decryption brought to light.
type leaf = sops.Leaf

// open decrypts with the keys. An error that wraps ErrNotAtHand means that a
// placeholder has to do.
func (j *job) open(data []byte, in, out sops.Format) (sops.Plain, error) {
	plain, err := j.keys.keys.Decrypt(data, in, out)
	if err == nil && j.options.Reveal != nil {
		for _, l := range plain.Leaves {
			j.options.Reveal(l.Text)
		}
	}
	return plain, err
}

// unlock finds the keys of spec.decryption and decrypts the files of the
// kustomization before the build, as the controller does.
func (j *job) unlock() *render.Result {
	d := j.spec.Sub("decryption")
	if d.Text("provider") != "sops" {
		return nil
	}
	j.keys = &keyring{keys: sops.Keys{Certain: true}, locked: map[string]error{}, opened: map[string][]leaf{}}
	_, own := d["secretRef"].(map[string]any)
	ref := finding.Ref{Kind: "Secret", Namespace: j.in.Object.GetNamespace(), Name: d.Sub("secretRef").Text("name")}
	from := fmt.Sprintf("sops decryption Secret '%s/%s'", ref.Namespace, ref.Name)
	if !own {
		ref.Namespace, ref.Name = "flux-system", j.in.Settings.SOPSAgeSecret
		from = fmt.Sprintf("sops SOPS age decryption Secret '%s/%s'", ref.Namespace, ref.Name)
	}
	if ref.Name != "" {
		if res := j.loadKeys(ref, from, !own); res != nil {
			return res
		}
	}
	return j.decryptFiles()
}

// readKeys reads a Secret of keys. What is absent may be there all the same but in
// a cluster that holds nothing else.
func (j *job) readKeys(ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	type keys struct {
		Data     map[string]any
		Presence render.Presence
	}
	found := render.Consult(j.ctx, j.in.Cluster, func(ctx context.Context, c render.Cluster) keys {
		u, presence := c.Get(ctx, ref)
		switch {
		case presence == render.Present:
			return keys{map[string]any{"data": u.Object["data"], "stringData": u.Object["stringData"]}, presence}
		case presence == render.Absent && j.in.Settings.Complete:
			return keys{Presence: render.Absent}
		}
		return keys{Presence: render.Unsure}
	})
	return &unstructured.Unstructured{Object: found.Data}, found.Presence
}

// loadKeys reads the Secret of keys. Where it is not at hand, the keys that the
// user gives stand for it.
func (j *job) loadKeys(ref finding.Ref, from string, ageOnly bool) *render.Result {
	u, presence := j.readKeys(ref)
	if presence == render.Absent {
		text := fmt.Sprintf("secrets %q not found", ref.Name)
		return j.refuse("BuildFailed", finding.Problem{Reason: "decryption-secret-missing", Field: "/spec/decryption/secretRef/name", Message: text})
	}
	if presence != render.Present {
		// The Secret of keys is usually made by hand and in no repository.
		j.keys.keys, j.keys.wanted = j.options.Keys, ref.Name
		return nil
	}
	data := map[string][]byte{}
	for k, v := range loose.Fields(u.Object).Texts("data") {
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
			data[k] = raw
		}
	}
	for k, v := range loose.Fields(u.Object).Texts("stringData") {
		data[k] = []byte(v)
	}
	if ageOnly {
		maps.DeleteFunc(data, func(name string, _ []byte) bool { return path.Ext(name) != sops.AgeExtension })
	}
	keys, err := sops.NewKeys(data, from)
	if err != nil {
		return j.refuse("BuildFailed", finding.Problem{Reason: "decryption-key-invalid", Field: "/spec/decryption/secretRef/name", Message: err.Error()})
	}
	keys.Certain = true
	j.keys.keys = keys
	return nil
}

// decrypt handles a built object that carries SOPS metadata, or a Secret with
// values that are whole encrypted files. Without keys every encrypted leaf
// becomes a placeholder of its type. Without spec.decryption the object is
// applied as it is, which is what the controller does.
func (j *job) decrypt(r *kustomize.Resource, s *story) *kustomize.Failure {
	whole := r.Has("sops")
	if !whole && r.Kind != "Secret" && j.keys == nil {
		return nil
	}
	content, err := r.Content()
	if err != nil || disabled(content) {
		return nil
	}
	if whole {
		mac, ok := loose.Fields(content).Sub("sops")["mac"]
		whole = ok && mac != nil && mac != ""
	}
	switch {
	case j.keys == nil:
		j.exposed(r, s, content, whole)
		return nil
	case whole:
		return j.decryptObject(r, s, content)
	case r.Kind == "Secret":
		if failure := j.decryptValues(r, s); failure != nil {
			return failure
		}
	}
	j.noteFiles(r, s)
	return nil
}

// exposed states that an encrypted object is applied as it is.
func (j *job) exposed(r *kustomize.Resource, s *story, content loose.Fields, whole bool) {
	field, effect := "/sops", "the encrypted text is applied as it is"
	if !whole {
		key, ok := encryptedValue(content)
		if !ok || r.Kind != "Secret" {
			return
		}
		field = finding.Pointer("data", key)
	} else if r.Kind == "Secret" && r.Group == "" && !isBase64(content.Sub("data")) {
		effect = "the controller refuses it"
	}
	ref := refOf(r)
	j.problems = append(j.problems, finding.Problem{
		Reason: "sops-without-decryption", Object: ref, Field: field, Pos: s.At(field),
		Message: fmt.Sprintf("%s is encrypted, but %s has no spec.decryption: %s", ref, j.in.Object.Ref(), effect),
		Hint:    "set spec.decryption.provider: sops and a secretRef",
	})
}

// encryptedValue is the first key whose value is an encrypted file, or the MAC
// of one whose lines became keys.
func encryptedValue(content loose.Fields) (string, bool) {
	for _, key := range slices.Sorted(maps.Keys(content.Sub("data"))) {
		raw, err := base64.StdEncoding.DecodeString(content.Sub("data").Text(key))
		if err != nil {
			continue
		}
		format, found := sops.Detect(raw)
		if found && format != sops.INI || key == "sops_mac" && strings.HasPrefix(string(raw), "ENC[") {
			return key, true
		}
	}
	return "", false
}

func isBase64(data loose.Fields) bool {
	for _, v := range data {
		text, _ := v.(string)
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return false
		}
	}
	return true
}

func (j *job) decryptObject(r *kustomize.Resource, s *story, content loose.Fields) *kustomize.Failure {
	data, err := r.JSON()
	if err != nil {
		return failed(r, err)
	}
	plain, err := j.open(data, sops.JSON, sops.JSON)
	if errors.Is(err, sops.ErrNotAtHand) {
		delete(content, "sops")
		j.locked(r, s, "/sops", err)
		return failed(r, r.Replace(placeholders(content)))
	}
	if err != nil {
		return failed(r, fmt.Errorf("failed to decrypt and format '%s/%s' %s data: %w", r.Namespace, r.Name, r.Kind, err))
	}
	for _, l := range plain.Leaves {
		s.Hidden = append(s.Hidden, finding.Pointer(l.Path...))
	}
	if err := r.SetJSON(plain.Data); err != nil {
		return failed(r, fmt.Errorf("failed to unmarshal decrypted '%s/%s' %s to JSON: %w", r.Namespace, r.Name, r.Kind, err))
	}
	return nil
}

// decryptValues decrypts the values of a Secret. As in the controller all of
// its data become texts, encrypted or not.
func (j *job) decryptValues(r *kustomize.Resource, s *story) *kustomize.Failure {
	values := r.Data()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		raw, err := base64.StdEncoding.DecodeString(values[key])
		if err != nil {
			continue
		}
		in, found := sops.Detect(raw)
		if !found {
			continue
		}
		plain, err := j.open(raw, in, sops.FormatOf(key))
		if errors.Is(err, sops.ErrNotAtHand) {
			j.locked(r, s, finding.Pointer("data", key), err)
			plain.Data, err = []byte(placeholderText(key, sops.PlaceholderOf(raw))), nil
		}
		if err != nil {
			return failed(r, fmt.Errorf("failed to decrypt and format '%s/%s' Secret field '%s': %w", r.Namespace, r.Name, key, err))
		}
		values[key] = base64.StdEncoding.EncodeToString(plain.Data)
	}
	r.SetData(values)
	return nil
}

// locked states that the content of an object is not known here.
func (j *job) locked(r *kustomize.Resource, s *story, field string, why error) {
	if s.Encrypted {
		return
	}
	s.Encrypted = true
	if j.keys.wanted != "" && !errors.Is(why, sops.ErrRemote) {
		j.problems = append(j.problems, j.problem("decryption-secret-not-local", "/spec/decryption/secretRef/name",
			fmt.Sprintf("Secret %q with the decryption keys is not at hand, so encrypted values are not known here", j.keys.wanted)))
		j.keys.wanted = ""
	}
	ref := refOf(r)
	what := "its key is not at hand"
	if errors.Is(why, sops.ErrRemote) {
		what = "its key is in a key service that needs the network"
	}
	j.problems = append(j.problems, finding.Problem{
		Reason: "secret-encrypted", Object: ref, Field: field, Pos: s.At(field),
		Message: fmt.Sprintf("%s is encrypted and %s, so its values are placeholders", ref, what),
	})
}

func failed(r *kustomize.Resource, err error) *kustomize.Failure {
	if err == nil {
		return nil
	}
	return &kustomize.Failure{Reason: "decryption-failed", Condition: "BuildFailed", Object: r.ID,
		Message: fmt.Sprintf("decryption failed for '%s': %s", r.ID, err)}
}

func refOf(r *kustomize.Resource) finding.Ref {
	return finding.Ref{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}

func disabled(content loose.Fields) bool {
	return strings.EqualFold(content.Sub("metadata").Sub("annotations").Text(Group+"/decrypt"), "disabled")
}
