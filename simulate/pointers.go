package simulate

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// pointerTo turns a field as the server writes it into a JSON pointer into the
// object: spec.containers[0].image, spec.ports[name="http"], metadata.labels[a.b/c].
func pointerTo(o *render.Object, field string) string {
	var tokens []string
	var at any = o.Object
	for _, t := range fieldTokens(field) {
		token := t.text
		if list, ok := at.([]any); ok && t.bracket {
			token = listIndex(list, t.text)
		}
		tokens = append(tokens, token)
		at = child(at, token)
	}
	return declaredAs(o, finding.Pointer(tokens...))
}

// plural are fields that the server fills from others, which people write.
var plural = map[string]string{"/spec/clusterIPs": "/spec/clusterIP", "/spec/clusterIPs/0": "/spec/clusterIP", "/status/storedVersions/0": "/spec/versions"}

// declaredAs is the field that an object sets in place of another one.
func declaredAs(o *render.Object, pointer string) string {
	written, ok := plural[pointer]
	if rest, data := strings.CutPrefix(pointer, "/data"); data && isSecret(o.Ref()) {
		written, ok = "/stringData"+rest, true
	}
	if !ok {
		return pointer
	}
	var at any = o.Object
	for _, token := range finding.Tokens(written) {
		at = child(at, token)
	}
	if at == nil {
		return pointer
	}
	return written
}

type fieldToken struct {
	text    string
	bracket bool
}

// fieldTokens splits a field at its dots and brackets.
func fieldTokens(field string) []fieldToken {
	var out []fieldToken
	for rest := strings.TrimPrefix(field, "."); rest != ""; {
		if rest[0] == '[' {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return out
			}
			out = append(out, fieldToken{unquoted(rest[1:end]), true})
			rest = strings.TrimPrefix(rest[end+1:], ".")
			continue
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		out = append(out, fieldToken{rest[:end], false})
		rest = rest[end:]
		rest = strings.TrimPrefix(rest, ".")
	}
	return out
}

func unquoted(s string) string {
	if len(s) >= 2 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : len(s)-1]
	}
	return s
}

// listIndex finds the item that a bracket names, by index or by keys.
func listIndex(list []any, text string) string {
	if _, err := strconv.Atoi(text); err == nil {
		return text
	}
	keys := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		if k, v, ok := strings.Cut(part, "="); ok {
			keys[k] = strings.Trim(v, `"`)
		}
	}
	for i, item := range list {
		m, _ := item.(map[string]any)
		if len(keys) > 0 && matchesAll(m, keys) {
			return strconv.Itoa(i)
		}
	}
	return text
}

func matchesAll(m map[string]any, keys map[string]string) bool {
	for k, v := range keys {
		have, ok := m[k]
		if s, isText := have.(string); !ok || isText && s != v {
			return false
		} else if !isText {
			b, err := json.Marshal(have)
			if err != nil || string(b) != v {
				return false
			}
		}
	}
	return true
}

func child(at any, token string) any {
	switch v := at.(type) {
	case map[string]any:
		return v[token]
	case []any:
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// kebab turns a CamelCase reason into a stable code.
func kebab(reason string) string {
	var b strings.Builder
	for i, r := range reason {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func joined(parts []string) string { return strings.Join(parts, ",") }
