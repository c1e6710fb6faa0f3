package schemas

import (
	"regexp"
	"strconv"
	"strings"
)

// path names a value in an object by fields and indices, from the root.
type path []string

var (
	plainField     = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$-]*$`)
	pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
	pointerReader  = strings.NewReplacer("~1", "/", "~0", "~")
)

func (p path) field(name string) path { return append(p[:len(p):len(p)], name) }

func (p path) index(i int) path { return p.field(strconv.Itoa(i)) }

// pointer returns the JSON pointer.
func (p path) pointer() string {
	var b strings.Builder
	for _, token := range p {
		b.WriteByte('/')
		b.WriteString(pointerEscaper.Replace(token))
	}
	return b.String()
}

// words returns the path as a person writes it, after the kind:
// Deployment.spec.template.spec.containers[0].
func (p path) words(kind string) string {
	var b strings.Builder
	b.WriteString(kind)
	for _, token := range p {
		_, err := strconv.Atoi(token)
		switch {
		case err == nil:
			b.WriteString("[" + token + "]")
		case plainField.MatchString(token):
			b.WriteString("." + token)
		default:
			b.WriteString("[" + strconv.Quote(token) + "]")
		}
	}
	return b.String()
}

// parsePointer reads a JSON pointer.
func parsePointer(pointer string) path {
	if pointer == "" {
		return nil
	}
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, token := range tokens {
		tokens[i] = pointerReader.Replace(token)
	}
	return tokens
}

// lookup returns the value at the path, nil if there is none.
func (p path) lookup(value any) any {
	for _, token := range p {
		switch container := value.(type) {
		case map[string]any:
			value = container[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(container) {
				return nil
			}
			value = container[i]
		default:
			return nil
		}
	}
	return value
}
