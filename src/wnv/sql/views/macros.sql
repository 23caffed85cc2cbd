-- Addresses, which tables have as text, as something that has an order; null for what is no such address.
CREATE MACRO ipv4_number(address) AS
    (TRY_CAST(split_part(address, '.', 1) AS BIGINT) << 24) + (TRY_CAST(split_part(address, '.', 2) AS BIGINT) << 16)
    + (TRY_CAST(split_part(address, '.', 3) AS BIGINT) << 8) + TRY_CAST(split_part(address, '.', 4) AS BIGINT);
CREATE MACRO ipv6_part_digits(part) AS
    CASE
        WHEN part = '' THEN ''
        ELSE list_aggregate(
            list_transform(
                string_split(part, ':'),
                lambda piece: CASE
                    WHEN contains(piece, '.') THEN lpad(printf('%x', ipv4_number(piece)), 8, '0')
                    ELSE lpad(piece, 4, '0')
                END
            ),
            'string_agg', ''
        )
    END;
CREATE MACRO ipv6_digits(address) AS
    rpad(
        ipv6_part_digits(split_part(address, '::', 1)),
        (32 - length(ipv6_part_digits(split_part(address, '::', 2))))::INTEGER, '0'
    )
    || ipv6_part_digits(split_part(address, '::', 2));
