// oauth2-mock-server with one key: what the issuer benchmark compares with.
import { OAuth2Server } from 'oauth2-mock-server';

const [port, algorithm] = process.argv.slice(2);
const server = new OAuth2Server();
await server.issuer.keys.generate(algorithm);
await server.start(Number(port), 'localhost');
