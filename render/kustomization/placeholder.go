package kustomization

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// jsonKeys are keys of Secrets whose values the API server wants to be JSON.
var jsonKeys = []string{".dockerconfigjson", ".dockercfg"}

// placeholderText is what stands for the value of a key of a Secret.
func placeholderText(key, text string) string {
	if slices.Contains(jsonKeys, key) {
		return "{}"
	}
	return text
}

// placeholders replaces every encrypted leaf of an object by a value of the type
// that it decrypts to.
func placeholders(content loose.Fields) map[string]any {
	for k, v := range content {
		content[k] = placeholder(v)
	}
	if content.Text("kind") == "Secret" {
		for _, key := range jsonKeys {
			if _, ok := content.Sub("data")[key]; ok {
				content.Sub("data")[key] = base64.StdEncoding.EncodeToString([]byte("{}"))
			}
			if _, ok := content.Sub("stringData")[key]; ok {
				content.Sub("stringData")[key] = "{}"
			}
		}
	}
	return content
}

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
		if p, ok := sops.Placeholder(v); ok {
			return p
		}
	}
	return v
}

// noteFiles states what an object has from encrypted files: placeholders where
// their keys are not at hand, secret values otherwise.
func (j *job) noteFiles(r *kustomize.Resource, s *story) {
	secret := map[string]bool{}
	for _, t := range s.texts {
		if t.file == nil {
			continue
		}
		if err := j.keys.locked[t.file.Path]; err != nil {
			field := ""
			if t.node == nil {
				field = "/data"
			}
			j.locked(r, s, field, err)
		}
		for _, l := range j.keys.opened[t.file.Path] {
			secret[l.Text] = true
		}
	}
	if len(secret) == 0 {
		return
	}
	if content, err := r.Content(); err == nil {
		s.Hidden = append(s.Hidden, equal(content, secret, nil)...)
	}
}

// equal lists the leaves whose text is one of these.
func equal(v any, texts map[string]bool, at []string) []string {
	at = at[:len(at):len(at)]
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			out = append(out, equal(c, texts, append(at, k))...)
		}
	case []any:
		for i, c := range v {
			out = append(out, equal(c, texts, append(at, fmt.Sprint(i)))...)
		}
	default:
		if texts[fmt.Sprint(v)] {
			out = append(out, finding.Pointer(at...))
		}
	}
	slices.Sort(out)
	return out
}
