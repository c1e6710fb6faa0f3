package kustomization

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// keyring is what spec.decryption brings. Nil means that nothing is decrypted.
type keyring struct{}

// unlock finds the keys of spec.decryption before the build, as the controller
// does. A Secret of keys that does not exist fails every build.
func (j *job) unlock() *render.Result {
	d := j.spec.sub("decryption")
	if d == nil {
		return nil
	}
	j.keys = &keyring{}
	name := d.sub("secretRef").text("name")
	if name == "" {
		return nil
	}
	ref := finding.Ref{Kind: "Secret", Namespace: j.in.Object.GetNamespace(), Name: name}
	if _, presence := j.in.Cluster.Get(j.ctx, ref); presence == render.Absent {
		// The Secret of keys is usually made by hand and in no repository.
		j.problems = append(j.problems, j.problem("decryption-secret-not-local", "/spec/decryption/secretRef/name",
			fmt.Sprintf("Secret %q with the decryption keys is not in the repository, so encrypted values are not known here", name)))
	}
	return nil
}

// decrypt handles an object that carries SOPS metadata. With keys configured
// every encrypted leaf becomes a placeholder of its type; without, the object
// is applied as it is, which is what the controller does.
func (j *job) decrypt(r *kustomize.Resource, s *story) *kustomize.Failure {
	if !r.Has("sops") {
		return nil
	}
	content, err := r.Content()
	if err != nil {
		return nil
	}
	meta, encrypted := content["sops"].(map[string]any)
	ref := finding.Ref{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
	switch {
	case !encrypted || object(meta).text("mac") == "" || disabled(content):
		return nil
	case j.keys == nil:
		j.problems = append(j.problems, finding.Problem{
			Reason: "sops-without-decryption", Object: ref, Field: "/sops", Pos: s.At("/sops"),
			Message: fmt.Sprintf("%s is encrypted, but %s has no spec.decryption: the encrypted text is applied as it is", ref, j.in.Object.Ref()),
			Hint:    "set spec.decryption.provider: sops and a secretRef",
		})
		return nil
	}
	delete(content, "sops")
	clear, _ := placeholder(content).(map[string]any)
	if err := r.Replace(clear); err != nil {
		return &kustomize.Failure{Reason: "decryption-failed", Condition: "BuildFailed",
			Message: fmt.Sprintf("decryption failed for '%s': %s", r.ID, err)}
	}
	s.Encrypted = true
	j.problems = append(j.problems, finding.Problem{
		Reason: "secret-encrypted", Object: ref, Pos: s.At("/sops"),
		Message: fmt.Sprintf("%s is encrypted and its key is not at hand, so its values are placeholders", ref),
	})
	return nil
}

func disabled(content fields) bool {
	return content.sub("metadata").sub("annotations").text(Group+"/decrypt") == "disabled"
}

// placeholder replaces every encrypted leaf by a value of the type that it
// decrypts to.
func placeholder(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			v[k] = placeholder(c)
		}
	case []any:
		for i, c := range v {
			v[i] = placeholder(c)
		}
	case string:
		if strings.HasPrefix(v, "ENC[") && strings.HasSuffix(v, "]") {
			return placeholderOf(v)
		}
	}
	return v
}

func placeholderOf(v string) any {
	switch {
	case strings.HasSuffix(v, ",type:int]"):
		return int64(0)
	case strings.HasSuffix(v, ",type:float]"):
		return float64(0)
	case strings.HasSuffix(v, ",type:bool]"):
		return false
	}
	// Valid base64, so that it may stand in the data of a Secret.
	return "ZW5jcnlwdGVk"
}
