package kustomization

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// keyring is what spec.decryption brings. Nil means that nothing is decrypted.
type keyring struct {
	keys   sops.Keys
	absent bool            // the keys are not at hand, so nothing can be concluded
	wanted string          // Secret of keys that is absent, until its absence is stated
	locked map[string]bool // files that stay encrypted
}

// decrypt decrypts with the keys. ErrNotAtHand means that a placeholder has to do.
func (k *keyring) decrypt(data []byte, in, out sops.Format) ([]byte, error) {
	if k.absent {
		return nil, sops.ErrNotAtHand
	}
	return k.keys.Decrypt(data, in, out)
}

// unlock finds the keys of spec.decryption and decrypts the files of the
// kustomization before the build, as the controller does.
func (j *job) unlock() *render.Result {
	d, ok := j.spec["decryption"].(map[string]any)
	if !ok {
		return nil
	}
	j.keys = &keyring{locked: map[string]bool{}}
	ref := finding.Ref{Kind: "Secret", Namespace: j.in.Object.GetNamespace(), Name: fields(d).sub("secretRef").text("name")}
	if ref.Name == "" {
		ref.Namespace, ref.Name = "flux-system", j.in.Settings.SOPSAgeSecret
	}
	if ref.Name != "" {
		if res := j.loadKeys(ref); res != nil {
			return res
		}
	}
	return j.decryptFiles()
}

func (j *job) loadKeys(ref finding.Ref) *render.Result {
	u, presence := j.in.Cluster.Get(j.ctx, ref)
	if presence == render.Absent && j.in.Settings.Complete {
		text := fmt.Sprintf("secrets %q not found", ref.Name)
		return j.refuse("BuildFailed", finding.Problem{Reason: "decryption-secret-missing", Field: "/spec/decryption/secretRef/name", Message: text})
	}
	if presence != render.Present {
		// The Secret of keys is usually made by hand and in no repository.
		j.keys.absent, j.keys.wanted = true, ref.Name
		return nil
	}
	data := map[string][]byte{}
	for k, v := range fields(u.Object).texts("data") {
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
			data[k] = raw
		}
	}
	for k, v := range fields(u.Object).texts("stringData") {
		data[k] = []byte(v)
	}
	var err error
	if j.keys.keys, err = sops.NewKeys(data); err != nil {
		text := fmt.Sprintf("cannot import keys of Secret '%s/%s': %s", ref.Namespace, ref.Name, err)
		return j.refuse("BuildFailed", finding.Problem{Reason: "decryption-key-invalid", Field: "/spec/decryption/secretRef/name", Message: text})
	}
	return nil
}

// decryptFiles decrypts the sources of Secret generators and the files of patches.
func (j *job) decryptFiles() *render.Result {
	w, _ := j.layers()
	for _, l := range w.all {
		for _, e := range l.secretFiles() {
			f, ok := j.files[clean(e.target())]
			if !ok || !sops.IsEncrypted(f.Data, e.format) {
				continue
			}
			data, err := j.keys.decrypt(f.Data, e.format, e.format)
			switch {
			case errors.Is(err, sops.ErrNotAtHand):
				j.keys.locked[f.Path] = true
			case err != nil:
				res := j.report(&kustomize.Failure{Reason: "decryption-failed", Condition: "BuildFailed",
					Message: fmt.Sprintf("error decrypting sources: %s", err)}, e.pos())
				res.Problems = j.problems
				return res
			default:
				if err := j.plan.Write(f.Path, data); err != nil {
					return &render.Result{State: render.Unknown, Reason: "decryption-failed"}
				}
			}
		}
	}
	return nil
}

// decrypt handles a built object that carries SOPS metadata, or a Secret with
// values that are whole encrypted files. Without keys every encrypted leaf
// becomes a placeholder of its type. Without spec.decryption the object is
// applied as it is, which is what the controller does.
func (j *job) decrypt(r *kustomize.Resource, s *story) *kustomize.Failure {
	whole := r.Has("sops")
	if !whole && (r.Kind != "Secret" || r.Group != "" || j.keys == nil) {
		return nil
	}
	content, err := r.Content()
	if err != nil || disabled(content) {
		return nil
	}
	meta := fields(content).sub("sops")
	switch {
	case whole && meta.text("mac") == "":
		return nil
	case whole && j.keys == nil:
		j.exposed(r, s)
		return nil
	case whole:
		return j.decryptObject(r, s, content)
	}
	return j.decryptValues(r, s, content)
}

func (j *job) exposed(r *kustomize.Resource, s *story) {
	ref := refOf(r)
	j.problems = append(j.problems, finding.Problem{
		Reason: "sops-without-decryption", Object: ref, Field: "/sops", Pos: s.At("/sops"),
		Message: fmt.Sprintf("%s is encrypted, but %s has no spec.decryption: the encrypted text is applied as it is", ref, j.in.Object.Ref()),
		Hint:    "set spec.decryption.provider: sops and a secretRef",
	})
}

func (j *job) decryptObject(r *kustomize.Resource, s *story, content map[string]any) *kustomize.Failure {
	data, err := json.Marshal(content)
	if err != nil {
		return nil
	}
	plain, err := j.keys.decrypt(data, sops.JSON, sops.JSON)
	if errors.Is(err, sops.ErrNotAtHand) {
		delete(content, "sops")
		clear, _ := placeholder(content).(map[string]any)
		j.locked(r, s, "/sops")
		return failed(r, r.Replace(clear))
	}
	if err != nil {
		return failed(r, fmt.Errorf("failed to decrypt and format '%s/%s' %s data: %w", r.Namespace, r.Name, r.Kind, err))
	}
	var clear map[string]any
	if err := json.Unmarshal(plain, &clear); err != nil {
		return failed(r, err)
	}
	return failed(r, r.Replace(clear))
}

func (j *job) decryptValues(r *kustomize.Resource, s *story, content map[string]any) *kustomize.Failure {
	values := fields(content).sub("data")
	changed := false
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, _ := values[key].(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		format := sops.FormatOf(key)
		if err != nil || !sops.IsEncrypted(raw, format) {
			continue
		}
		plain, err := j.keys.decrypt(raw, format, format)
		if errors.Is(err, sops.ErrNotAtHand) {
			values[key] = base64.StdEncoding.EncodeToString([]byte(placeholderText))
			j.locked(r, s, finding.Pointer("data", key))
			changed = true
			continue
		}
		if err != nil {
			return failed(r, fmt.Errorf("failed to decrypt and format '%s/%s' Secret field '%s': %w", r.Namespace, r.Name, key, err))
		}
		values[key], changed = base64.StdEncoding.EncodeToString(plain), true
	}
	if s.packs(j.keys.locked) && !s.Encrypted {
		j.locked(r, s, "/data")
	}
	if !changed {
		return nil
	}
	return failed(r, r.Replace(content))
}

// locked states that the content of an object is not known here.
func (j *job) locked(r *kustomize.Resource, s *story, field string) {
	if s.Encrypted {
		return
	}
	s.Encrypted = true
	if j.keys.wanted != "" {
		j.problems = append(j.problems, j.problem("decryption-secret-not-local", "/spec/decryption/secretRef/name",
			fmt.Sprintf("Secret %q with the decryption keys is not at hand, so encrypted values are not known here", j.keys.wanted)))
		j.keys.wanted = ""
	}
	ref := refOf(r)
	j.problems = append(j.problems, finding.Problem{
		Reason: "secret-encrypted", Object: ref, Field: field, Pos: s.At(field),
		Message: fmt.Sprintf("%s is encrypted and its key is not at hand, so its values are placeholders", ref),
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

func disabled(content fields) bool {
	return content.sub("metadata").sub("annotations").text(Group+"/decrypt") == "disabled"
}
