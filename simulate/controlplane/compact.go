package controlplane

import (
	"bytes"
	"io"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apiserver/pkg/registry/generic"
)

// The sizes in bytes up to which a definition is stored in short, whatever its
// size at length, and that it may have at length. A larger one is stored as every
// API server does: etcd may refuse it for its size.
const (
	shortLimit = 256 << 10
	longLimit  = 1 << 20
)

// compactly stores definitions as Protocol Buffers, which takes a fraction of the
// time that the JSON of v1beta1 does, and each is read and written several times
// before it is served. Nobody can tell the difference.
type compactly struct{ generic.RESTOptionsGetter }

// GetRESTOptions implements generic.RESTOptionsGetter.
func (g compactly) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	options, err := g.RESTOptionsGetter.GetRESTOptions(resource, example)
	if err != nil {
		return options, err
	}
	stored := *options.StorageConfig
	scheme, codecs := apiextensionsserver.Scheme, apiextensionsserver.Codecs
	short := codecs.EncoderForVersion(protobuf.NewSerializer(scheme, scheme), apiextensionsv1.SchemeGroupVersion)
	stored.Codec = runtime.NewCodec(compactEncoder{short, stored.Codec}, stored.Codec)
	options.StorageConfig = &stored
	return options, nil
}

// compactEncoder encodes objects in short, as far as they are small.
type compactEncoder struct{ short, long runtime.Encoder }

// Encode implements runtime.Encoder.
func (e compactEncoder) Encode(o runtime.Object, w io.Writer) error {
	var short, long bytes.Buffer
	if err := e.short.Encode(o, &short); err != nil {
		return err
	}
	stored := &short
	if short.Len() > shortLimit {
		if err := e.long.Encode(o, &long); err != nil {
			return err
		}
		if long.Len() > longLimit {
			stored = &long
		}
	}
	_, err := stored.WriteTo(w)
	return err
}

// Identifier implements runtime.Encoder.
func (e compactEncoder) Identifier() runtime.Identifier {
	return "compact," + e.short.Identifier() + "," + e.long.Identifier()
}
