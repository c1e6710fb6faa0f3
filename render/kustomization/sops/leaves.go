package sops

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/getsops/sops/v3"
)

// changed lists the leaves of the second tree that differ from the first.
func changed(before, after sops.TreeBranches) []Leaf {
	var out []Leaf
	for i := range after {
		if i < len(before) {
			out = append(out, changedIn(nil, before[i], after[i])...)
		}
	}
	return out
}

func changedIn(at []string, before, after any) []Leaf {
	at = at[:len(at):len(at)]
	var out []Leaf
	switch b := after.(type) {
	case sops.TreeBranch:
		a, ok := before.(sops.TreeBranch)
		if !ok || len(a) != len(b) {
			return nil
		}
		for i, item := range b {
			if key, ok := item.Key.(string); ok {
				out = append(out, changedIn(append(at, key), a[i].Value, item.Value)...)
			}
		}
	case []any:
		a, ok := before.([]any)
		if !ok || len(a) != len(b) {
			return nil
		}
		n := 0
		for i, item := range b {
			if _, ok := item.(sops.Comment); ok {
				continue
			}
			out = append(out, changedIn(append(at, strconv.Itoa(n)), a[i], item)...)
			n++
		}
	case sops.Comment:
	default:
		if before != after {
			out = append(out, Leaf{Path: at, Text: fmt.Sprint(after)})
		}
	}
	return out
}

// Placeholder stands for an encrypted value, in the type that it decrypts to. A
// text is valid base64 and a valid name, and other encrypted texts have other
// ones, so that a change is seen. The second result is false for a value that is
// not encrypted.
func Placeholder(text string) (any, bool) {
	if !strings.HasPrefix(text, "ENC[") || !strings.HasSuffix(text, "]") {
		return nil, false
	}
	switch {
	case strings.HasSuffix(text, ",type:int]"):
		return int64(1), true
	case strings.HasSuffix(text, ",type:float]"):
		return float64(1), true
	case strings.HasSuffix(text, ",type:bool]"):
		return false, true
	}
	return PlaceholderOf([]byte(text)), true
}

// PlaceholderOf is the text that stands for encrypted content.
func PlaceholderOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "notdecrypted" + hex.EncodeToString(sum[:4])
}

// Locked is an encrypted file with placeholders for what is encrypted.
func Locked(data []byte, f Format) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("failed to emit encrypted %s file: %v", formOf(f).name, r)
		}
	}()
	tree, err := load(data, f)
	if err != nil {
		return nil, err
	}
	for i, b := range tree.Branches {
		tree.Branches[i], _ = locked(b).(sops.TreeBranch)
	}
	return emit(tree, f, f)
}

func locked(v any) any {
	switch v := v.(type) {
	case sops.TreeBranch:
		out := sops.TreeBranch{}
		for _, item := range v {
			if _, comment := item.Key.(sops.Comment); !comment {
				out = append(out, sops.TreeItem{Key: item.Key, Value: locked(item.Value)})
			}
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			if _, comment := item.(sops.Comment); !comment {
				out = append(out, locked(item))
			}
		}
		return out
	case string:
		if p, ok := Placeholder(v); ok {
			if n, ok := p.(int64); ok {
				return int(n) // the only integer that the stores of the library write
			}
			return p
		}
	}
	return v
}
