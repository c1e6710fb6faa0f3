package kustomization

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
)

// placeholderText stands for an encrypted text. It is valid base64, so that it
// may stand in the data of a Secret.
const placeholderText = "ZW5jcnlwdGVk"

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
	return placeholderText
}

// secretFile is an entry whose file may be encrypted, and how.
type secretFile struct {
	entry
	format sops.Format
}

// secretFiles are the entries of a layer that the controller decrypts before a
// build. Those of configMapGenerator are not among them.
func (l *layer) secretFiles() []secretFile {
	var out []secretFile
	for i, g := range l.content.list("secretGenerator") {
		for k, v := range object(g).list("files") {
			text, _ := v.(string)
			key, name, found := strings.Cut(text, "=")
			if !found {
				name = key
			}
			out = append(out, secretFile{
				entry:  entry{text: name, pointer: fmt.Sprintf("/secretGenerator/%d/files/%d", i, k), layer: l},
				format: sops.FormatOf(key),
			})
		}
		for k, v := range object(g).list("envs") {
			text, _ := v.(string)
			out = append(out, envFile(l, text, fmt.Sprintf("/secretGenerator/%d/envs/%d", i, k)))
		}
	}
	for i, p := range l.content.list("patches") {
		if name := object(p).text("path"); name != "" {
			out = append(out, secretFile{
				entry:  entry{text: name, pointer: fmt.Sprintf("/patches/%d/path", i), layer: l},
				format: sops.FormatOf(name),
			})
		}
	}
	return out
}

func envFile(l *layer, name, pointer string) secretFile {
	f := sops.FormatOf(name)
	if f == sops.Binary {
		f = sops.Dotenv
	}
	return secretFile{entry: entry{text: name, pointer: pointer, layer: l}, format: f}
}

// packs reports whether the object holds one of the files.
func (s *story) packs(files map[string]bool) bool {
	for _, t := range s.texts {
		if t.node == nil && files[t.file.Path] {
			return true
		}
	}
	return false
}
