// Package archive holds the format in which generated schemas are embedded:
// JSON, compressed with zstd.
//
// A definition is a JSON Schema (draft 7) in which an object with properties
// and without additionalProperties or "x-open" is closed: a field that is not
// listed is unknown. References have the form Prefix + definition name.
package archive

import (
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Prefix precedes the name of a definition in a $ref.
const Prefix = "k8s://schemas/"

// Keywords beside those of JSON Schema.
const (
	KeywordOpen     = "x-open"      // true: fields that are not listed are kept
	KeywordListKeys = "x-list-keys" // fields that together name an item of a list
	KeywordSet      = "x-set"       // true: no scalar occurs twice in the list
)

// Kubernetes is what a kube-apiserver serves of its own.
type Kubernetes struct {
	Version     string                     `json:"version"`
	Kinds       []Kind                     `json:"kinds"`
	Definitions map[string]json.RawMessage `json:"definitions"`
}

// Kind is one kind in one version.
type Kind struct {
	Group      string `json:"group,omitempty"`
	Version    string `json:"version"`
	Kind       string `json:"kind"`
	Definition string `json:"definition"`
	Namespaced bool   `json:"namespaced,omitempty"`
	Named      bool   `json:"named,omitempty"`  // objects of it are stored under a name
	Served     bool   `json:"served,omitempty"` // without being switched on
}

// Encode writes v as compressed JSON; equal values give equal bytes.
func Encode(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode schemas: %w", err)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compress schemas: %w", err)
	}
	defer func() { _ = w.Close() }()
	return w.EncodeAll(raw, nil), nil
}

// Decode reads compressed JSON into v.
func Decode(data []byte, v any) error {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("decompress schemas: %w", err)
	}
	defer r.Close()
	raw, err := r.DecodeAll(data, nil)
	if err != nil {
		return fmt.Errorf("decompress schemas: %w", err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("decode schemas: %w", err)
	}
	return nil
}
