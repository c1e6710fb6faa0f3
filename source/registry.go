package source

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// The media types that Flux and Helm give the layer of what they push.
const (
	contentLayer = "application/vnd.cncf.flux.content.v1.tar+gzip"
	chartLayer   = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// repositoryCharacters are what the name of a repository of a registry is made of.
const repositoryCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_-./"

// ociURL checks the URL of an OCIRepository.
func ociURL(obj *unstructured.Unstructured) *Failure {
	url := text(obj, "spec", "url")
	invalid := func(cause, hint string) *Failure {
		f := refusal(obj, ReasonURL, "URLInvalid", fmt.Sprintf("URL validation failed for '%s': %s", url, cause))
		f.Stalled = true
		return f.at("/spec/url", hint)
	}
	rest, ok := strings.CutPrefix(url, "oci://")
	if !ok {
		return invalid("URL must be in format 'oci://<domain>/<org>/<repo>'", "write the URL as oci://HOST/PATH")
	}
	_, name, _ := strings.Cut(rest, "/")
	if strings.Trim(name, repositoryCharacters) != "" || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(repositoryCharacters, r) }) {
		return invalid(fmt.Sprintf("repository can only contain the characters `%s`: %s", repositoryCharacters, name),
			"write the tag to spec.ref.tag, and only lower-case letters, digits and _-./ after the host")
	}
	return nil
}

// layerType checks that the artifact of a row has a layer of the type that the
// object selects. What the map does not say of the type is guessed only
// between manifests and charts.
func layerType(obj *unstructured.Unstructured, r *row) *Failure {
	want := text(obj, "spec", "layerSelector", "mediaType")
	has := r.MediaType
	if has == "" && r.layer != nil && slices.Contains([]string{contentLayer, chartLayer}, want) {
		has = r.layer()
	}
	if want == "" || has == "" || want == has {
		return nil
	}
	f := refusal(obj, ReasonContent, "OCIArtifactLayerOperationFailed",
		fmt.Sprintf("failed to find layer with media type '%s' in artifact", want))
	return f.at("/spec/layerSelector/mediaType", fmt.Sprintf("select %q, the type of the layer", has))
}

// assumedLayer is the type of a layer of which only the content is at hand.
func assumedLayer(path string) string {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	blob, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	files, err := unpack(blob)
	if err != nil {
		return ""
	}
	for _, f := range files {
		if dir, name, _ := strings.Cut(f.Path, "/"); dir != "" && name == "Chart.yaml" {
			return chartLayer
		}
	}
	return contentLayer
}

// tagFilter compiles spec.ref.semverFilter.
func tagFilter(obj *unstructured.Unstructured) (func(string) bool, *Failure) {
	pattern := text(obj, "spec", "ref", "semverFilter")
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		f := refusal(obj, ReasonRef, "ReadOperationFailed", fmt.Sprintf(
			"failed to determine the artifact tag for '%s': %s", text(obj, "spec", "url"), err))
		return nil, f.at("/spec/ref/semverFilter", "correct the regular expression")
	}
	return re.MatchString, nil
}

// tagRange checks that spec.ref.semver is a range.
func tagRange(obj *unstructured.Unstructured) *Failure {
	kind, want := refIn(obj).ociWant()
	if kind != refSemver {
		return nil
	}
	if _, err := semver.NewConstraint(want); err != nil {
		f := refusal(obj, ReasonRef, "ReadOperationFailed", fmt.Sprintf(
			"failed to determine the artifact tag for '%s': semver '%s' parse error: %s", text(obj, "spec", "url"), want, err))
		return f.at("/spec/ref/semver", "write a range as in \">=1.0.0\"")
	}
	return nil
}

// noSuchTag is what the controller reports for a tag or range that the registry has not.
func noSuchTag(obj *unstructured.Unstructured, kind, want string) *Failure {
	url := text(obj, "spec", "url")
	if kind == refSemver {
		f := refusal(obj, ReasonRef, "ReadOperationFailed",
			fmt.Sprintf("failed to determine the artifact tag for '%s': no match found for semver: %s", url, want))
		return f.at("/spec/ref/semver", "")
	}
	f := refusal(obj, ReasonRef, "OCIArtifactPullFailed",
		fmt.Sprintf("failed to determine artifact digest: GET %s/manifests/%s: MANIFEST_UNKNOWN: Unknown manifest", endpoint(obj), want))
	if kind == refDigest {
		f.Message = strings.Replace(f.Message, "determine artifact digest", fmt.Sprintf("pull artifact from '%s'", url), 1)
	}
	return f.at(finding.Pointer("spec", "ref", kind), "")
}

// noSuchName is what the controller reports for a repository that the registry has not.
func noSuchName(obj *unstructured.Unstructured, kind, want string) *Failure {
	url := text(obj, "spec", "url")
	message, condition := "", "OCIArtifactPullFailed"
	switch kind {
	case refSemver:
		condition = "ReadOperationFailed"
		message = fmt.Sprintf("failed to determine the artifact tag for '%s': GET %s/tags/list?n=1000", url, endpoint(obj))
	case refDigest:
		message = fmt.Sprintf("failed to pull artifact from '%s': GET %s/manifests/%s", url, endpoint(obj), want)
	default:
		message = fmt.Sprintf("failed to determine artifact digest: GET %s/manifests/%s", endpoint(obj), want)
	}
	return refusal(obj, ReasonRef, condition, message+": NAME_UNKNOWN: Unknown name").at("/spec/url", "")
}

// endpoint is the address at which the API of a registry answers for a repository.
func endpoint(obj *unstructured.Unstructured) string {
	scheme := "https"
	if insecure, _, _ := unstructured.NestedBool(obj.Object, "spec", "insecure"); insecure {
		scheme = "http"
	}
	host, name, _ := strings.Cut(strings.TrimPrefix(text(obj, "spec", "url"), "oci://"), "/")
	return fmt.Sprintf("%s://%s/v2/%s", scheme, host, name)
}
