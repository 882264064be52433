// oidc-provider with one client of client_credentials, whose tokens are JWTs: what the issuer benchmark compares with.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, algorithm] = process.argv.slice(2);
const pair = algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
const audience = 'https://se1.example';
const provider = new Provider(`http://localhost:${port}`, {
  jwks: { keys: [{ ...pair.privateKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig', kid: 'k' }] },
  clients: [{ client_id: 'bench', client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], id_token_signed_response_alg: algorithm }],
  scopes: ['storage.read:/'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({ scope: 'storage.read:/', audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: algorithm } } }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1');
