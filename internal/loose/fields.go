// Package loose reads content whose types nobody has checked yet.
package loose

// Fields is a mapping of which nothing is known: what is absent or of another
// type reads as empty.
type Fields map[string]any

// Of is v as Fields, empty when v is no mapping.
func Of(v any) Fields {
	m, _ := v.(map[string]any)
	return m
}

// Sub reads a mapping.
func (f Fields) Sub(key string) Fields { return Of(f[key]) }

// List reads a list.
func (f Fields) List(key string) []any {
	l, _ := f[key].([]any)
	return l
}

// Text reads a string.
func (f Fields) Text(key string) string {
	s, _ := f[key].(string)
	return s
}

// Flag reads a boolean.
func (f Fields) Flag(key string) bool {
	b, _ := f[key].(bool)
	return b
}

// Texts reads a mapping of strings, without its values of other types.
func (f Fields) Texts(key string) map[string]string {
	out := map[string]string{}
	for k, v := range f.Sub(key) {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}
