/**
 * The file `uplift init` writes: for a platform of one's own, every field explained, nothing that works by accident.
 * A test loads it, so that it can never drift from the schema.
 */
export const CONFIG_TEMPLATE = `# uplift.yaml: what this platform promises. Check it with: uplift config validate
# Editors: uplift config schema > uplift.schema.json
version: 1

environment:
  name: staging
  # true: every change asks for the environment's name to be typed.
  production: false

regions:
  - name: us-east
    kafka:
      # Bootstrap brokers. With one region, KAFKA_BROKERS overrides them.
      brokers: [kafka-1.example.internal:9092, kafka-2.example.internal:9092, kafka-3.example.internal:9092]
      # tls:
      #   ca: /etc/uplift/kafka-ca.pem
      # sasl:
      #   mechanism: SCRAM-SHA-512
      #   username: uplift
      #   # A secret never stands here: name the variable or the file that holds it.
      #   password: { env: UPLIFT_KAFKA_PASSWORD }
    postgres:
      database: reservations
      user: uplift
      # password: { file: /run/secrets/uplift-postgres }
      writer: { name: az-a, address: "postgres-a.example.internal:5432" }
      replicas:
        - { name: az-b, address: "postgres-b.example.internal:5432" }
        - { name: az-c, address: "postgres-c.example.internal:5432" }
      # PgBouncer, which the service uses.
      pooler: pgbouncer.example.internal:6432
    redis:
      nodes: [redis-1.example.internal:6379, redis-2.example.internal:6379, redis-3.example.internal:6379]
    service:
      gateways:
        - { id: gateway-1, url: "http://gateway.example.internal:8080" }
`;
