package source

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Invented reports whether the map says of a ConfigMap or Secret that its
// values are made up: "match: synthetic".
func (m *Map) Invented(ref finding.Ref) bool {
	return m != nil && slices.ContainsFunc(m.rows, func(r row) bool {
		return r.Invented && ref == finding.Ref{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
	})
}
