package helmrelease

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	helm "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// separator starts a document, as in Helm 4: the text after it on the same
// line belongs to the document.
var separator = regexp.MustCompile(`(?m)^---[ \t]*`)

// documents splits a file as Helm 4 does. Helm 3 would cut the end of each
// document, and with it the last line feed of a block scalar.
func documents(text string) []string {
	var out []string
	for _, d := range separator.Split(strings.TrimLeftFunc(text, unicode.IsSpace), -1) {
		if strings.TrimSpace(d) != "" {
			out = append(out, strings.TrimLeftFunc(d, unicode.IsSpace))
		}
	}
	return out
}

// installOrder is the order of kinds in Helm 4: that of Helm 3, whose webhook
// configurations are among the kinds that it does not know, and before them.
func installOrder() releaseutil.KindSortOrder {
	return append(slices.Clone(releaseutil.InstallOrder), "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
}

// entryMark separates the path of a template from the number of a document. It
// sorts before whatever a path can go on with.
const entryMark = "\x00"

var entryPattern = regexp.MustCompile(entryMark + `\d+`)

// sortManifests sorts rendered templates into hooks and other documents, in
// the order of an installation. Helm sees each document as a file of its own
// and gives back the order; the texts stay as they are.
func sortManifests(files map[string]string) ([]*helm.Hook, []releaseutil.Manifest, error) {
	entries := map[string]string{}
	for name, text := range files {
		for i, d := range documents(text) {
			entries[fmt.Sprintf("%s%s%06d", name, entryMark, i)] = d
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(entries, nil, installOrder())
	if err != nil {
		text := entryPattern.ReplaceAllString(err.Error(), "")
		return nil, nil, errors.New(strings.ReplaceAll(text, "releaseutil.SimpleHead", "util.SimpleHead")) // the package of Helm 4
	}
	for _, h := range hooks {
		h.Manifest = entries[h.Path]
		h.Path, _, _ = strings.Cut(h.Path, entryMark)
	}
	for i, m := range manifests {
		manifests[i].Content = entries[m.Name]
		manifests[i].Name, _, _ = strings.Cut(m.Name, entryMark)
	}
	return hooks, manifests, nil
}
