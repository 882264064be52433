// The example server of github.com/zitadel/oidc on a port of its own, its service user's tokens being JWTs: what the issuer
// benchmark compares with.
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// client is a client of the example's whose access tokens are JWTs.
type client struct{ op.Client }

func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

type store struct{ *storage.Storage }

func (s store) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	found, err := s.Storage.ClientCredentials(ctx, id, secret)
	if err != nil {
		return nil, err
	}
	return client{found}, nil
}

func main() {
	issuer := "http://localhost:" + os.Args[1]
	kept := store{storage.NewStorage(storage.NewUserStore(issuer))}
	router := exampleop.SetupServer(issuer, kept, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], router))
}
